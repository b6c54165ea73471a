"""Slices of a shared Spark cluster: the right ones, and jobs that fit beside each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.spark.sharing import Workers, asked_alone, slice_of, whole_workers


def slices(workers, raw=None, **asked):
    found = slice_of(workers, JobSpec(client="team", module="etl", **asked), raw or {})
    found |= raw or {}
    names = ("spark.cores.max", "spark.executor.cores", "spark.executor.memory")
    return tuple(found.get(name) for name in names)


@pytest.mark.parametrize(
    ("workers", "asked", "raw", "expected"),
    [
        # Nothing is asked for: half of the cluster.
        (Workers(2, 1, 1024), {}, {}, ("1", "1", "1024m")),
        (Workers(2, 4, 8192), {}, {}, ("4", "2", "4096m")),
        (Workers(1, 4, 8192), {}, {}, ("2", "2", "4096m")),
        (Workers(3, 1, 2048), {}, {}, ("2", "1", "2048m")),
        (Workers(10, 2, 2048), {}, {}, ("10", "1", "1024m")),
        # One core cannot be shared, and neither can memory for one executor.
        (Workers(1, 1, 1024), {}, {}, ("1", "1", "1024m")),
        (Workers(2, 4, 700), {}, {}, ("4", "4", "700m")),
        # Three cores are two executors of one.
        (Workers(1, 3, 6144), {}, {}, ("1", "1", "3072m")),
        # What is asked for is given, and decides the rest.
        (Workers(2, 4, 8192), {"worker_cpu": 1}, {}, ("4", "1", "2048m")),
        (Workers(2, 4, 8192), {"worker_cpu": 4}, {}, ("4", "4", "8192m")),
        (Workers(2, 4, 8192), {"worker_mem_gb": 8}, {}, ("4", "4", "8192m")),
        (Workers(2, 4, 8192), {"worker_mem_gb": 1}, {}, ("4", "2", "1024m")),
        (Workers(2, 4, 8192), {"num_workers": 2}, {}, ("8", "2", "4096m")),
        (
            Workers(2, 4, 8192),
            {"num_workers": 3, "worker_cpu": 2, "worker_mem_gb": 2.5},
            {},
            ("6", "2", "2560m"),
        ),
        (Workers(2, 4, 8192), {"worker_cpu": 9}, {}, ("9", "9", "8192m")),  # refused by the next one
        # The user's own settings come first, and decide the rest, too.
        (Workers(2, 4, 8192), {"worker_cpu": 1}, {"spark.executor.cores": "4"}, ("4", "4", "8192m")),
        (Workers(2, 4, 8192), {}, {"spark.executor.memory": "6g"}, ("4", "4", "6g")),
        (Workers(2, 4, 8192), {}, {"spark.cores.max": "8"}, ("8", "2", "4096m")),
        (Workers(2, 4, 8192), {}, {"spark.deploy.defaultCores": "2"}, (None, "2", "4096m")),
        (Workers(2, 4, 8192), {"num_workers": 1}, {"spark.deploy.defaultCores": "2"}, ("4", "2", "4096m")),
        (Workers(2, 4, 8192), {}, {"spark.executor.instances": "3"}, ("6", "2", "4096m")),
        (Workers(2, 4, 8192), {}, {"spark.task.cpus": "3"}, ("4", "4", "8192m")),
    ],
)
def test_a_job_on_a_shared_cluster_takes(workers, asked, raw, expected):
    assert slices(workers, raw, **asked) == expected


def test_a_job_that_has_the_cluster_for_itself_takes_whole_workers():
    whole = {"spark.executor.memory": "8192m", "spark.executor.cores": "4"}
    assert whole_workers(Workers(3, 4, 8192), {}) == whole
    two = whole_workers(Workers(3, 4, 8192), {"spark.executor.instances": "2"})
    assert two == whole | {"spark.cores.max": "8"}


def test_what_a_job_needs_beside_its_heap_is_in_its_slice():
    spec = JobSpec(client="team", module="etl")
    assert slice_of(Workers(1, 4, 8192), spec, {}, 1000)["spark.executor.memory"] == "3096m"
    assert slice_of(Workers(1, 4, 8192), spec, {}, 9000)["spark.executor.memory"] == "512m"


def test_on_somebody_elses_cluster_only_what_is_asked_for_is_said():
    assert asked_alone(JobSpec(client="team", module="etl"), {}) == {"spark.executor.memory": "1024m"}
    asked = asked_alone(
        JobSpec(client="team", module="etl", num_workers=3, worker_cpu=2, worker_mem_gb=2), {}
    )
    assert asked == {
        "spark.executor.memory": "2048m",
        "spark.executor.cores": "2",
        "spark.cores.max": "6",
    }
    by_setting = asked_alone(
        JobSpec(client="team", module="etl", num_workers=3), {"spark.executor.cores": "4"}
    )
    assert (by_setting["spark.executor.cores"], by_setting["spark.cores.max"]) == ("4", "12")
    unsized = asked_alone(JobSpec(client="team", module="etl", num_workers=3), {})
    assert (unsized["spark.executor.cores"], unsized["spark.cores.max"]) == ("1", "3")


@given(st.integers(1, 50), st.integers(1, 64), st.integers(512, 65536))
def test_two_jobs_that_ask_for_nothing_fit_beside_each_other(number, cores, mib):
    total, each, memory = slices(Workers(number, cores, mib))
    executors, rest = divmod(int(total), int(each))
    assert rest == 0
    on_one = min(cores // int(each), mib // int(memory.removesuffix("m")))
    assert on_one >= 1
    if number * on_one > 1:
        assert executors < number * on_one  # the second one gets an executor at least
    assert executors * 2 >= number * on_one  # and nothing is left idle by two


@pytest.mark.parametrize("raw", [{"spark.executor.memory": "lots"}, {"spark.executor.cores": "1.5"}])
def test_what_is_no_amount_is_refused_by_name(raw):
    with pytest.raises(InvalidSpec, match=next(iter(raw))):
        slices(Workers(1, 1, 1024), raw)

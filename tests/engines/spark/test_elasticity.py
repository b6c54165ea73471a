"""The settings of jobs whose executors come and go."""

from __future__ import annotations

from dataclasses import replace

import pytest
from kubernetes_platform import make_cluster, make_external, make_job

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.engines.spark.conf import daemon_settings, job_settings
from dcluster_provider.engines.spark.engine import SparkEngine

DYNAMIC = "spark.dynamicAllocation."
WORKERS = {"workerCpu": "4", "workerMemory": "8Gi"}


def executors(settings: dict[str, str]) -> tuple[str, ...] | None:
    """The fewest, the first and the most executors; none when their number is fixed."""
    if DYNAMIC + "enabled" not in settings:
        return None
    assert settings[DYNAMIC + "shuffleTracking.enabled"] == "true"
    return tuple(settings[f"{DYNAMIC}{bound}Executors"] for bound in ("min", "initial", "max"))


@pytest.mark.parametrize(
    ("asked", "bounds", "cores", "total"),
    [
        ({}, None, "2", "6"),
        ({"numWorkers": 2}, None, "2", "8"),
        ({"maxWorkers": 3}, ("2", "2", "6"), "2", "12"),  # each worker is two slices
        ({"minWorkers": 2, "maxWorkers": 3, "numWorkers": 3}, ("4", "6", "6"), "2", "12"),
        ({"maxWorkers": 3, "workerCpu": 4}, ("1", "1", "3"), "4", "12"),
        ({"maxWorkers": 3, "numWorkers": 2, "workerCpu": 1}, ("1", "2", "3"), "1", "3"),
        ({"maxWorkers": 3, "extraCmd": {"spark.executor.cores": "2"}}, ("1", "1", "3"), "2", "6"),
    ],
)
def test_bounds_on_a_shared_cluster_are_in_its_workers(asked, bounds, cores, total):
    cluster = make_cluster(workers=3, longLiving=True, **WORKERS)
    settings = job_settings(make_job(cluster, **asked), cluster)
    assert executors(settings) == bounds
    assert (settings["spark.executor.cores"], settings["spark.cores.max"]) == (cores, total)


def test_a_jobs_own_workers_are_its_executors():
    cluster = make_cluster(workers=4, singleJob=True, **WORKERS)
    job = replace(make_job(cluster, minWorkers=2, maxWorkers=4), owns_cluster=True)
    settings = job_settings(job, cluster)
    assert executors(settings) == ("2", "2", "4")
    assert (settings["spark.executor.cores"], settings["spark.cores.max"]) == ("4", "16")


def test_on_an_elastic_cluster_a_job_takes_its_share_as_it_needs_it():
    cluster = make_cluster(workers=1, maxWorkers=4, longLiving=True, **WORKERS)
    settings = job_settings(make_job(cluster), cluster)
    assert executors(settings) == ("1", "1", "4")  # half of eight slices
    assert settings["spark.cores.max"] == "8"
    assert executors(job_settings(make_job(cluster, numWorkers=1), cluster)) is None


@pytest.mark.parametrize(
    ("asked", "cores", "total"),
    [({}, "1", "3"), ({"workerCpu": 2}, "2", "6"), ({"extraCmd": {"spark.executor.cores": "4"}}, "4", "12")],
)
def test_bounds_on_a_cluster_of_somebody_else_are_in_executors(asked, cores, total):
    cluster = make_external()
    settings = job_settings(make_job(cluster, maxWorkers=3, **asked), cluster)
    assert executors(settings) == ("1", "1", "3")
    assert (settings["spark.executor.cores"], settings["spark.cores.max"]) == (cores, total)


@pytest.mark.parametrize("own", ["spark.executor.instances", DYNAMIC + "minExecutors"])
def test_a_job_that_says_something_of_its_executors_gets_no_bounds_of_ours(own):
    cluster = make_cluster(workers=1, maxWorkers=4, longLiving=True, **WORKERS)
    settings = job_settings(make_job(cluster, extraCmd={own: "3"}), cluster)
    assert DYNAMIC + "maxExecutors" not in settings


def test_a_fixed_number_of_executors_beside_bounds_is_refused():
    job = make_job(make_cluster(), maxWorkers=3, extraCmd={"spark.executor.instances": "9"})
    with pytest.raises(InvalidSpec, match=r"spark\.executor\.instances is a fixed number.*write numWorkers"):
        SparkEngine().check_job(job.spec)


def test_settings_of_the_users_own_come_first():
    cluster = make_cluster(workers=1, maxWorkers=4, **WORKERS)
    own = {DYNAMIC + "enabled": "false", "spark.decommission.enabled": "false"}
    assert job_settings(make_job(cluster, extraCmd=own), cluster).items() >= own.items()


def test_who_may_have_to_leave_hands_over_what_it_holds():
    elastic, fixed = make_cluster(maxWorkers=4), make_cluster()
    for settings in (daemon_settings(elastic.spec), job_settings(make_job(elastic), elastic)):
        assert settings["spark.decommission.enabled"] == "true"
        assert settings["spark.storage.decommission.shuffleBlocks.enabled"] == "true"
        assert settings["spark.storage.decommission.replicationReattemptInterval"] == "2s"
    assert "spark.decommission.enabled" not in daemon_settings(fixed.spec)
    assert "spark.decommission.enabled" not in job_settings(make_job(fixed), fixed)

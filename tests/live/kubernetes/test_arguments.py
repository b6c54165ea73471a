"""Arguments of jobs on a real Kubernetes: they arrive as they were given, or are refused with what is too much."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.record import JobState
from tests.live.kubernetes.conftest import SMALL_FLINK, ended, gone, running, submit

ARGUMENTS = Path(__file__).parents[1] / "applications" / "arguments.py"
GIVEN = ["größer 😀", "a\nb", "$(HOME) $$ `id` ' \"", "", "--conf", "x" * 131_071]


def test_arguments_arrive_at_a_spark_job_as_they_were_given(control):
    job = ended(control, submit(control, None, ARGUMENTS, args=GIVEN))
    assert job.state is JobState.SUCCEEDED, job.diagnosis and job.diagnosis.render()
    assert f"arguments {GIVEN!a}" in control.jobs.logs(job.id)


@pytest.mark.long
def test_arguments_arrive_at_a_flink_job_as_they_were_given(control):
    cluster = running(control, SMALL_FLINK)
    given = [*GIVEN, "a\r\nb"]
    job = ended(control, submit(control, cluster, ARGUMENTS, args=given))
    assert job.state is JobState.SUCCEEDED, job.diagnosis and job.diagnosis.render()
    assert f"arguments {given!a}" in control.jobs.logs(job.id)
    gone(control, cluster)


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["x" * 200_000], "args.0: has 200000 bytes; Linux passes a program at most 131071"),
        (["x" * 100_000] * 20, "has 2000020 bytes of arguments; the most is 524288"),
        (["a\r\nb"], "args.0: has a carriage return in it"),
    ],
    ids=["one too long", "too many", "carriage return"],
)
def test_arguments_that_cannot_arrive_are_refused_before_anything_is_made(
    bench, control, arguments, complaint
):
    before = (control.jobs.list(), control.clusters.list(), bench.left())
    with pytest.raises(InvalidSpec, match=complaint):
        submit(control, None, ARGUMENTS, args=arguments)
    assert (control.jobs.list(), control.clusters.list(), bench.left()) == before

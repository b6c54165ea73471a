"""What is concluded when a JobManager does not know a job that it was given."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from kubernetes_platform import make_cluster, make_job

from dcluster_provider.core.observation import JobPhase
from dcluster_provider.core.record import JobState
from dcluster_provider.engines.rest import HttpRest
from dcluster_provider.platforms.kubernetes.diagnosis import Patience
from dcluster_provider.platforms.kubernetes.flink_jobs import FlinkJobs
from dcluster_provider.platforms.kubernetes.job_outcome import ClientPod
from dcluster_provider.platforms.kubernetes.pod import read_pod

NOBODY = HttpRest("127.0.0.1", 1)  # an empty overview is all that was answered
CLUSTER = make_cluster(type="flink")
JAR = make_job(CLUSTER, application="etl.jar")
LONG, SHORT, BEFORE = (
    600,
    5,
    3600,
)  # seconds ago: a JobManager's start; the job's comes between the first and the last


def ago(seconds: float) -> datetime:
    return datetime.now(timezone.utc) - timedelta(seconds=seconds)


def seconds(moment: datetime) -> str:
    """As Kubernetes writes a time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def jobmanager(started_ago: float | None, *, in_place: bool = False):
    """Its pod; none while another is made.

    :param in_place: it was restarted in a pod that is older than anything.
    """
    if started_ago is None:
        return None
    began = seconds(ago(started_ago))
    status = {"name": "engine", "state": {"running": {"startedAt": began}}, "ready": True}
    if in_place:
        status["restartCount"] = 1
        status["lastState"] = {"terminated": {"exitCode": 137, "finishedAt": began}}
    return read_pod(
        {
            "metadata": {
                "name": "master",
                "labels": {"dcluster.io/role": "master"},
                "creationTimestamp": seconds(ago(2 * BEFORE)) if in_place else began,
            },
            "spec": {"containers": [{"name": "engine", "image": "flink:2.3.0"}]},
            "status": {"phase": "Running", "containerStatuses": [status]},
        }
    )


def concluded(
    job, started_ago: float | None, *, highly_available: bool, in_place: bool = False
) -> JobPhase | None:
    known = FlinkJobs(NOBODY, {}, "", jobmanager(started_ago, in_place=in_place), highly_available)
    seen = known.observe(job, CLUSTER, None, "")
    return seen.phase if seen else None


@pytest.mark.parametrize(
    ("started_ago", "keeps_nothing", "keeps_jobs"),
    [
        (None, None, None),  # the one that answered is about to end
        (SHORT, JobPhase.LOST, None),  # it restarted, and may be about to go on with the job
        (LONG, JobPhase.LOST, JobPhase.LOST),  # it had time enough
        (BEFORE, JobPhase.ABSENT, None),  # the one that had the job forgets it only as it ends
    ],
)
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("state", [JobState.SUBMITTED, JobState.RUNNING, JobState.STOPPING])
def test_a_job_is_lost_only_when_its_jobmanager_has_it_no_more(
    started_ago, keeps_nothing, keeps_jobs, state, in_place
):
    started_at = None if state is JobState.SUBMITTED else ago(1800)
    # What began since the restart (a stop, say) does not make the JobManager an older one.
    job = replace(JAR, state=state, started_at=started_at, state_since=ago(1800 if not started_at else 1))
    assert concluded(job, started_ago, highly_available=False, in_place=in_place) is keeps_nothing
    assert concluded(job, started_ago, highly_available=True, in_place=in_place) is keeps_jobs


def test_a_jobmanager_replaced_within_the_second_in_which_a_job_was_seen_running_has_lost_it():
    job = replace(JAR, state=JobState.RUNNING, started_at=ago(LONG).replace(microsecond=900_000))
    pod = replace(jobmanager(LONG), created_at=job.started_at.replace(microsecond=0))
    seen = FlinkJobs(NOBODY, {}, "", pod).observe(job, CLUSTER, None, "")
    assert seen is not None
    assert seen.phase is JobPhase.LOST


def client_that_failed(began: datetime) -> ClientPod:
    """The client of a SQL file, whose process has ended with an error."""
    terminated = {"exitCode": 1, "startedAt": seconds(began), "finishedAt": seconds(began)}
    pod = read_pod(
        {
            "metadata": {
                "name": "client",
                "labels": {"dcluster.io/role": "client", "dcluster.io/job-id": str(JAR.id)},
                "creationTimestamp": seconds(began),
            },
            "spec": {"containers": [{"name": "engine", "image": "flink:2.3.0"}]},
            "status": {
                "phase": "Failed",
                "containerStatuses": [{"name": "engine", "state": {"terminated": terminated}}],
            },
        }
    )
    now = datetime.now(timezone.utc)
    return ClientPod(JAR, [pod], "The client", dict, lambda _: (), lambda _: "", Patience(60, 60), now)


@pytest.mark.parametrize(
    ("after", "phase"), [(-1, JobPhase.FAILED), (0, JobPhase.FAILED), (5, JobPhase.LOST)]
)
def test_a_client_that_failed_beside_its_first_jobmanager_failed_by_itself(after, phase):
    began = ago(60).replace(microsecond=0)
    pod = replace(
        jobmanager(50), created_at=began + timedelta(seconds=after)
    )  # its process began later still
    job = replace(JAR, state=JobState.SUBMITTED, started_at=None, state_since=ago(90))
    seen = FlinkJobs(NOBODY, {}, "", pod).observe(job, CLUSTER, client_that_failed(began), "")
    assert seen is not None
    assert seen.phase is phase


@pytest.mark.parametrize("highly_available", [False, True])
def test_a_job_that_was_stopped_before_it_started_need_not_be_known(highly_available):
    stopped = replace(JAR, state=JobState.STOPPING, started_at=None, state_since=ago(1))
    assert concluded(stopped, SHORT, highly_available=highly_available) is JobPhase.ABSENT

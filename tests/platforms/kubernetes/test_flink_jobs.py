"""What is concluded when a JobManager does not know a job that it was given."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from kubernetes_platform import make_cluster, make_job

from dcluster_provider.core.observation import JobPhase
from dcluster_provider.core.record import JobState
from dcluster_provider.engines.rest import HttpRest
from dcluster_provider.platforms.kubernetes.flink_jobs import FlinkJobs
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


def jobmanager(started_ago: float | None):
    """Its pod; none while another is made."""
    if started_ago is None:
        return None
    running = {"running": {"startedAt": ago(started_ago).isoformat()}}
    statuses = [{"name": "engine", "state": running, "ready": True, "restartCount": 0}]
    return read_pod(
        {
            "metadata": {"name": "master", "labels": {"dcluster.io/role": "master"}},
            "spec": {"containers": [{"name": "engine", "image": "flink:2.3.0"}]},
            "status": {"phase": "Running", "containerStatuses": statuses},
        }
    )


def concluded(job, started_ago: float | None, *, highly_available: bool) -> JobPhase | None:
    known = FlinkJobs(NOBODY, {}, "", jobmanager(started_ago), highly_available)
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
@pytest.mark.parametrize("state", [JobState.SUBMITTED, JobState.RUNNING, JobState.STOPPING])
def test_a_job_is_lost_only_when_its_jobmanager_has_it_no_more(started_ago, keeps_nothing, keeps_jobs, state):
    started_at = None if state is JobState.SUBMITTED else ago(1800)
    # What began since the restart (a stop, say) does not make the JobManager an older one.
    job = replace(JAR, state=state, started_at=started_at, state_since=ago(1800 if not started_at else 1))
    assert concluded(job, started_ago, highly_available=False) is keeps_nothing
    assert concluded(job, started_ago, highly_available=True) is keeps_jobs


@pytest.mark.parametrize("highly_available", [False, True])
def test_a_job_that_was_stopped_before_it_started_need_not_be_known(highly_available):
    stopped = replace(JAR, state=JobState.STOPPING, started_at=None, state_since=ago(1))
    assert concluded(stopped, SHORT, highly_available=highly_available) is JobPhase.ABSENT

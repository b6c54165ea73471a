"""Counters and timers of clusters and jobs, through Airflow's own metrics (StatsD or OpenTelemetry)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk.observability.stats import Stats

if TYPE_CHECKING:
    from dcluster_provider.core.record import Cluster, Job

CLUSTER_LAUNCH = "dcluster.cluster.launch"
CLUSTER_START = "dcluster.cluster.start"
CLUSTER_FAILED = "dcluster.cluster.failed"
JOB_SUBMIT = "dcluster.job.submit"
JOB_WAIT = "dcluster.job.wait"
JOB_ENDED = "dcluster.job.ended"
JOB_DURATION = "dcluster.job.duration"


def count_launch(cluster: Cluster) -> None:
    """A task has asked for a cluster."""
    Stats.incr(CLUSTER_LAUNCH, tags=_of_cluster(cluster))


def time_start(cluster: Cluster) -> None:
    """A cluster that a task waited for runs, so many seconds after it was asked for."""
    Stats.timing(CLUSTER_START, cluster.state_since - cluster.created_at, tags=_of_cluster(cluster))


def count_failure(cluster: Cluster) -> None:
    """A cluster that a task waited for has failed."""
    code = str(cluster.diagnosis.code) if cluster.diagnosis else ""
    Stats.incr(CLUSTER_FAILED, tags=_of_cluster(cluster) | {"code": code})


def count_submission(job: Job) -> None:
    """A task has asked for a job."""
    Stats.incr(JOB_SUBMIT, tags=_of_job(job))


def time_job(job: Job) -> None:
    """A job that a task waited for has ended: how, how long after it was asked for it began, and how long it took."""
    tags = _of_job(job) | {"state": job.state.value.lower()}
    Stats.incr(JOB_ENDED, tags=tags)
    if job.started_at is not None:
        Stats.timing(JOB_WAIT, job.started_at - job.created_at, tags=tags)
        ended = job.ended_at or job.state_since
        Stats.timing(JOB_DURATION, max(ended - job.started_at, timedelta()), tags=tags)


def _of_cluster(cluster: Cluster) -> dict[str, str]:
    return {"engine": cluster.spec.engine, "platform": cluster.platform}


def _of_job(job: Job) -> dict[str, str]:
    return {"engine": job.spec.engine, "client": job.client, "module": job.module}

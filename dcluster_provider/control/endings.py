"""What becomes of the jobs of a cluster that has ended or is ending."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.diagnosis_codes import ClusterCode
from dcluster_provider.core.observation import JobObservation, JobPhase, ObservationError
from dcluster_provider.core.record import Cluster, Job, JobState
from dcluster_provider.core.state import advance_job, fail_job
from dcluster_provider.platforms.base import Platform

_NAMED = 5  # jobs that a refusal names


def after_cluster(platform: Platform, jobs: list[Job], cluster: Cluster, now: datetime) -> list[Job]:
    """The live jobs of an ending cluster, each in its final state.

    A job that has already succeeded stays so. A Spark driver is ended with its cluster, so its job failed; whether a
    Flink job finished before its JobManager went cannot be told, so that job is UNKNOWN.

    :raises PlatformUnavailable: how one of them ended cannot be told just now.
    """
    seen = platform.observe_jobs([(job, cluster) for job in jobs])
    for found in seen.values():
        if isinstance(found, ObservationError) and not found.is_refused:
            raise found.why
    return [_after_cluster(job, cluster, seen.get(job.id), now) for job in jobs]


def without_platform(jobs: list[Job], cluster: Cluster, now: datetime) -> list[Job]:
    """The live jobs of a cluster of which nothing was ever made, each in its final state."""
    return [_after_cluster(job, cluster, None, now) for job in jobs]


def _after_cluster(
    job: Job, cluster: Cluster, seen: JobObservation | ObservationError | None, now: datetime
) -> Job:
    if isinstance(seen, JobObservation) and _is_its_own_end(job, cluster, seen):
        return advance_job(job, seen, now)
    return fail_job(job, _cluster_ended(cluster), now, _state_without_cluster(job, cluster))


def _is_its_own_end(job: Job, cluster: Cluster, seen: JobObservation) -> bool:
    if seen.phase is not JobPhase.FAILED or job.state is JobState.STOPPING:
        return seen.phase is JobPhase.SUCCEEDED
    own = seen.diagnosis
    return cluster.diagnosis is None or (own is not None and not own.code.is_from_outside)


def _state_without_cluster(job: Job, cluster: Cluster) -> JobState:
    if cluster.diagnosis is None:
        return JobState.KILLED
    started = job.state is not JobState.REQUESTED
    return JobState.UNKNOWN if started and job.spec.traits.jobs_end_alone else JobState.FAILED


def cluster_terminated(cluster: Cluster) -> Diagnosis:
    """The explanation for those who needed a cluster that somebody terminated."""
    return Diagnosis(
        ClusterCode.TERMINATED,
        f"The {cluster} was terminated.",
        f"See who ended it: airflow dcluster clusters show {cluster.id}; then use a cluster that is live.",
    )


def in_use(cluster: Cluster, users: Sequence[Job]) -> str:
    """Why a cluster is not ended under the jobs of others, in words for an error."""
    named = [f"{job} ({job.state.value}, {job.owner or 'asked for by no task'})" for job in users[:_NAMED]]
    more = f" and {len(users) - _NAMED} more" if len(users) > _NAMED else ""
    return (
        f"{cluster} is long-living and used by others: {'; '.join(named)}{more}. It was left as it is and ends by "
        "its idle limit. Wait for the jobs, terminate them, or end the cluster under them with force=True."
    )


def _cluster_ended(cluster: Cluster) -> Diagnosis:
    if cluster.diagnosis is None:
        return cluster_terminated(cluster)
    return Diagnosis(
        cluster.diagnosis.code,
        f"The job's {cluster} failed: {cluster.diagnosis.cause}",
        cluster.diagnosis.remedy,
        cluster.diagnosis.evidence,
    )

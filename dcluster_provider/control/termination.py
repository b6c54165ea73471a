"""The final states of jobs whose cluster is terminating or has ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dcluster_provider.core.diagnosis import ClusterCode, Diagnosis
from dcluster_provider.core.observation import JobObservation, JobPhase, ObservationError
from dcluster_provider.core.record import Cluster, Job, JobState
from dcluster_provider.core.state import advance_job, fail_job
from dcluster_provider.platforms.base import Platform

_NAMED = 5  # jobs that an error names


def after_cluster(platform: Platform, jobs: list[Job], cluster: Cluster, now: datetime) -> list[Job]:
    """The live jobs of a terminating cluster, each in its final state.

    A job that has succeeded stays SUCCEEDED. A Spark driver is terminated with its cluster, so its job FAILED; whether
    a Flink job finished before its JobManager was gone is unknown, so its job is UNKNOWN.

    :raises PlatformUnavailable: the outcome of a job cannot be observed now.
    """
    observed = platform.observe_jobs([(job, cluster) for job in jobs])
    for found in observed.values():
        if isinstance(found, ObservationError) and not found.is_refused:
            raise found.why
    return [_after_cluster(job, cluster, observed.get(job.id), now) for job in jobs]


def without_platform(jobs: list[Job], cluster: Cluster, now: datetime) -> list[Job]:
    """The live jobs of a cluster of which nothing was ever made, each in its final state."""
    return [_after_cluster(job, cluster, None, now) for job in jobs]


def _after_cluster(
    job: Job, cluster: Cluster, observed: JobObservation | ObservationError | None, now: datetime
) -> Job:
    if isinstance(observed, JobObservation) and _is_its_own_end(job, cluster, observed):
        return advance_job(job, observed, now)
    return fail_job(job, _cluster_ended(cluster), now, _state_without_cluster(job, cluster))


def _is_its_own_end(job: Job, cluster: Cluster, observed: JobObservation) -> bool:
    if observed.phase is not JobPhase.FAILED or job.state is JobState.STOPPING:
        return observed.phase is JobPhase.SUCCEEDED
    own = observed.diagnosis
    return cluster.diagnosis is None or (own is not None and not own.code.is_from_outside)


def _state_without_cluster(job: Job, cluster: Cluster) -> JobState:
    if cluster.diagnosis is None:
        return JobState.KILLED
    started = job.state is not JobState.REQUESTED
    return JobState.UNKNOWN if started and job.spec.traits.jobs_end_alone else JobState.FAILED


def cluster_terminated(cluster: Cluster) -> Diagnosis:
    """The diagnosis for a wait or a job that needed a cluster which was terminated."""
    return Diagnosis(
        ClusterCode.TERMINATED,
        f"The {cluster} was terminated.",
        f"See who terminated it: airflow dcluster clusters show {cluster.id}; then use a live cluster.",
    )


def in_use(cluster: Cluster, users: Sequence[Job]) -> str:
    """The text of an error about a cluster that live jobs of other DAG runs use."""
    named = [f"{job} ({job.state.value}, {job.owner or 'requested by no task'})" for job in users[:_NAMED]]
    more = f" and {len(users) - _NAMED} more" if len(users) > _NAMED else ""
    return (
        f"{cluster} is long-living and used by others: {'; '.join(named)}{more}. It was left as it is; its idle "
        "timeout terminates it. Wait for the jobs, terminate them, or terminate the cluster under them with force=True."
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

"""Stopping jobs with a savepoint, and its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcluster_provider.control.job_progress import JobProgress
from dcluster_provider.control.observation_errors import require_same_location
from dcluster_provider.core.diagnosis import Diagnosis, JobCode, SavepointCode
from dcluster_provider.core.errors import InvalidSpec, SavepointFailed
from dcluster_provider.core.record import Job, JobState
from dcluster_provider.core.state import stop_job_with_savepoint
from dcluster_provider.platforms.base import Platform
from dcluster_provider.platforms.capabilities import SupportsSavepoints, cannot

if TYPE_CHECKING:
    from dcluster_provider.registry.store import Registry


def stop_with_savepoint(
    registry: Registry, platform: Platform, progress: JobProgress, job: Job, actor: str
) -> Job:
    """Request the stop of a job with a savepoint; whichever process polls the job from then on carries it out.

    :returns: the job: STOPPING, or in its final state.
    :raises InvalidSpec: the job's engine has no savepoints, or no setting names their folder; nothing was stopped.
    :raises SavepointFailed: the job is not RUNNING, or the savepoint cannot be made; nothing was stopped.
    """
    job = progress.observe([job.id])[job.id]
    check_savepoint(registry, platform, job)
    if job.state.is_final:
        return job
    job = progress.change(job, stop_job_with_savepoint, actor)
    if not job.state.is_final and not job.savepoint_requested:
        raise SavepointFailed(str(job), _not_running(job))
    job = progress.observe([job.id])[job.id]
    raise_if_savepoint_failed(job)
    return job


def check_savepoint(registry: Registry, platform: Platform, job: Job) -> None:
    """Check that a savepoint of a job can be requested; a job that has ended passes.

    :param job: the job in its current state.
    :raises InvalidSpec: the job's engine has no savepoints, or no setting names their folder.
    :raises SavepointFailed: the job is not RUNNING.
    :raises PlatformRefused: its cluster is at another location.
    """
    if not job.spec.traits.has_savepoints:
        raise InvalidSpec(
            f"field savepoint: {job} is of type {job.spec.job_type!r}; only Flink jobs are stopped with one"
        )
    if job.state.is_final:
        return
    if job.state is not JobState.RUNNING and not job.savepoint_requested:
        raise SavepointFailed(str(job), _not_running(job))
    cluster = registry.clusters.get(job.cluster_id)
    require_same_location(platform, cluster)
    if not isinstance(platform, SupportsSavepoints):
        raise cannot(platform, "stop jobs with savepoints")
    if not platform.savepoint_folder(job, cluster):
        raise InvalidSpec(
            f"field savepoint: no setting names the folder for savepoints of {job}; set "
            "execution.checkpointing.savepoint-dir in extraCmd of the job or extraConfigs of its cluster, or "
            "flink_storage on the connection"
        )


def raise_if_savepoint_failed(job: Job) -> None:
    """Stop waiting for a savepoint that was not made.

    :raises SavepointFailed: the job keeps running.
    """
    if not job.state.is_final and not job.savepoint_requested:
        raise SavepointFailed(f"{job} keeps running", job.savepoint_failure or _GIVEN_UP)


def savepoint_of(job: Job) -> str:
    """The folder of the savepoint that an ended job was stopped with.

    :raises SavepointFailed: the job ended without one.
    """
    if not job.savepoint:
        raise SavepointFailed(f"{job} is {job.state.value}", job.diagnosis or _ended_without(job))
    return job.savepoint


def _not_running(job: Job) -> Diagnosis:
    stopping = job.state is JobState.STOPPING
    return Diagnosis(
        JobCode.NOT_RUNNING,
        f"The job is {job.state.value}, and only a RUNNING job can make a savepoint.",
        "It is being stopped without one already." if stopping else "Stop it once it is RUNNING.",
    )


def _ended_without(job: Job) -> Diagnosis:
    cause = job.savepoint_failure
    return Diagnosis(
        SavepointCode.JOB_ENDED,
        f"The job ended as {job.state.value} before its savepoint was made.",
        f"See what ended it: airflow dcluster jobs show {job.id}.",
        (cause.cause, *cause.evidence) if cause else (),
    )


_GIVEN_UP = Diagnosis(
    SavepointCode.GIVEN_UP,
    "The request for the savepoint was withdrawn.",
    "See who stopped the job without one: airflow dcluster jobs show.",
)

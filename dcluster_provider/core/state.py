"""The only code that decides states: record + observation + clock -> the next record."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dcluster_provider.core.diagnosis import ClusterCode, Diagnosis, JobCode
from dcluster_provider.core.identity import is_more_precise
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase, JobObservation, JobPhase
from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState

_CLUSTER_VANISHED = Diagnosis(
    ClusterCode.VANISHED,
    "Everything of the cluster disappeared while it was in use.",
    "Find out who removed it (events of the cluster: airflow dcluster clusters show), then run the task again.",
)
_CLUSTER_BROKEN = Diagnosis(
    ClusterCode.BROKEN,
    "The cluster stopped working.",
    "Read the logs of its master, then run the task again.",
)
_JOB_LOST = Diagnosis(
    JobCode.LOST,
    "The cluster no longer knows the job, so whether it finished is unknown.",
    "Check the job's output; if it has to run again, clear the task.",
)
_JOB_FAILED = Diagnosis(JobCode.FAILED, "The job failed.", "Read the job's log.")
_JOB_PHASES = {
    JobPhase.PENDING: JobState.SUBMITTED,
    JobPhase.RUNNING: JobState.RUNNING,
    JobPhase.SUCCEEDED: JobState.SUCCEEDED,
    JobPhase.FAILED: JobState.FAILED,
    JobPhase.KILLED: JobState.KILLED,
    JobPhase.LOST: JobState.UNKNOWN,
}


def advance_cluster(cluster: Cluster, observed: ClusterObservation, now: datetime) -> Cluster:
    """The cluster after an observation; the same object when nothing about it changed.

    A failing cluster passes through TERMINATING with its diagnosis, and is FAILED once nothing of it is left.
    """
    if cluster.state.is_final:
        return cluster
    if observed.phase is ClusterPhase.ABSENT:
        return _without_cluster(cluster, now)
    if observed.phase is ClusterPhase.BROKEN and cluster.state is not ClusterState.TERMINATING:
        return fail_cluster(_with_addresses(cluster, observed), observed.diagnosis or _CLUSTER_BROKEN, now)
    is_ready = observed.phase is ClusterPhase.READY
    if cluster.resizing_since is not None:
        is_ready = is_ready and observed.workers_ready == cluster.spec.workers
    after = _in_cluster_state(_with_addresses(cluster, observed), _alive_state(cluster.state, is_ready), now)
    if after.state.is_ending:
        return after
    if is_ready and after.resizing_since is not None:
        after = replace(after, resizing_since=None)
    return _with_hint(after, observed.hint or _resizing(after))


def resize_cluster(cluster: Cluster, workers: int, now: datetime) -> Cluster:
    """The cluster after another number of workers was asked for: DEGRADED until it has exactly these."""
    spec = cluster.spec.model_copy(update={"workers": workers})
    asked = replace(_in_cluster_state(cluster, ClusterState.DEGRADED, now), spec=spec, resizing_since=now)
    return _with_hint(asked, _resizing(asked))


def _resizing(cluster: Cluster) -> Diagnosis | None:
    if cluster.resizing_since is None:
        return None
    return Diagnosis(
        ClusterCode.RESIZING,
        f"The cluster is being resized to {cluster.spec.workers} workers.",
        "Wait: its jobs go on meanwhile.",
    )


def locate_cluster(cluster: Cluster, observed: ClusterObservation, location: str) -> Cluster:
    """The cluster with a more precise location than its own, provided that it was observed there."""
    if observed.phase is ClusterPhase.ABSENT or not is_more_precise(cluster.location, location):
        return cluster
    return replace(cluster, location=location)


def begin_cluster(cluster: Cluster, now: datetime) -> Cluster:
    """The cluster after its platform was requested to create it."""
    if cluster.state is not ClusterState.REQUESTED:
        return cluster
    return _in_cluster_state(cluster, ClusterState.PROVISIONING, now)


def reach_cluster(cluster: Cluster, master_url: str, ui_url: str, now: datetime) -> Cluster:
    """An external cluster, RUNNING, with the addresses at which it is reached now."""
    after = replace(cluster, master_url=master_url, ui_url=ui_url)
    return _in_cluster_state(cluster if after == cluster else after, ClusterState.RUNNING, now)


def end_cluster(cluster: Cluster, now: datetime) -> Cluster:
    """The cluster after its termination was requested."""
    if cluster.state.is_ending:
        return cluster
    return replace(_in_cluster_state(cluster, ClusterState.TERMINATING, now), diagnosis=None)


def fail_cluster(cluster: Cluster, diagnosis: Diagnosis, now: datetime) -> Cluster:
    """The cluster after it has failed: it is terminating and keeps its diagnosis."""
    if cluster.state.is_ending:
        return cluster
    return replace(_in_cluster_state(cluster, ClusterState.TERMINATING, now), diagnosis=diagnosis)


def give_up_cluster(cluster: Cluster, diagnosis: Diagnosis, now: datetime) -> Cluster:
    """The cluster, FAILED, of which nothing was ever made because its platform is unreachable."""
    if cluster.state.is_final:
        return cluster
    failed = _in_cluster_state(cluster, ClusterState.FAILED, now)
    return replace(failed, diagnosis=cluster.diagnosis or diagnosis, workers_ready=0)


def advance_job(job: Job, observed: JobObservation, now: datetime) -> Job:
    """The job after an observation; the same object when nothing about it changed."""
    if job.state.is_final:
        return job
    state, diagnosis = _job_state(job, observed)
    ended = now if state.is_final else None
    requested = job.savepoint_requested and state is JobState.STOPPING
    working = state in (JobState.RUNNING, JobState.SUCCEEDED, JobState.FAILED)
    after = replace(
        job,
        state=state,
        state_since=job.state_since if state is job.state else now,
        ui_url=observed.ui_url or job.ui_url,
        exit_code=observed.exit_code if observed.exit_code is not None else job.exit_code,
        started_at=job.started_at or (now if working else None),
        ended_at=ended,
        diagnosis=diagnosis if state.is_final else _hint_of(job, observed.hint),
        savepoint_requested=requested,
        savepoint=observed.savepoint or job.savepoint,
        result=observed.result if observed.result is not None else job.result,
        savepoint_failure=(observed.savepoint_failure if job.savepoint_requested else None)
        or job.savepoint_failure,
    )
    return job if after == job else after


def begin_job(job: Job, now: datetime) -> Job:
    """The job after its platform was requested to run it."""
    return replace(job, state=JobState.SUBMITTED, state_since=now) if job.state is JobState.REQUESTED else job


def stop_job(job: Job, now: datetime) -> Job:
    """The job after its stop was requested without a savepoint, also if one was requested before."""
    if job.state.is_final:
        return job
    if job.state is JobState.STOPPING:
        return replace(job, savepoint_requested=False) if job.savepoint_requested else job
    return replace(job, state=JobState.STOPPING, state_since=now)


def stop_job_with_savepoint(job: Job, now: datetime) -> Job:
    """The job after its stop with a savepoint was requested; one that is not RUNNING stays as it is."""
    if job.state is not JobState.RUNNING:
        return job
    return replace(
        job, state=JobState.STOPPING, state_since=now, savepoint_requested=True, savepoint_failure=None
    )


def fail_job(job: Job, diagnosis: Diagnosis, now: datetime, state: JobState = JobState.FAILED) -> Job:
    """The job after it was found, without an observation of it, to have failed or to be lost."""
    if job.state.is_final:
        return job
    if job.state is JobState.STOPPING and not job.savepoint_requested:
        state = JobState.KILLED
    return replace(
        job, state=state, state_since=now, ended_at=now, diagnosis=diagnosis, savepoint_requested=False
    )


def _with_hint(cluster: Cluster, hint: Diagnosis | None) -> Cluster:
    shown = _hint_of(cluster, hint)
    return cluster if shown == cluster.diagnosis else replace(cluster, diagnosis=shown)


def _hint_of(record: Cluster | Job, hint: Diagnosis | None) -> Diagnosis | None:
    """The hint that a live record shows; the known one stays while only its evidence differs."""
    known = record.diagnosis
    if known is not None and hint is not None and (known.code, known.cause) == (hint.code, hint.cause):
        return known
    return hint


def _without_cluster(cluster: Cluster, now: datetime) -> Cluster:
    if cluster.state is ClusterState.REQUESTED:
        return cluster
    if cluster.state is ClusterState.TERMINATING:
        ended = ClusterState.FAILED if cluster.diagnosis else ClusterState.TERMINATED
        return _in_cluster_state(replace(cluster, workers_ready=0), ended, now)
    return replace(
        _in_cluster_state(cluster, ClusterState.FAILED, now), diagnosis=_CLUSTER_VANISHED, workers_ready=0
    )


def _alive_state(state: ClusterState, is_ready: bool) -> ClusterState:
    if state is ClusterState.TERMINATING:
        return state
    if is_ready:
        return ClusterState.RUNNING
    return ClusterState.DEGRADED if state.takes_jobs else ClusterState.PROVISIONING


def _with_addresses(cluster: Cluster, observed: ClusterObservation) -> Cluster:
    after = replace(
        cluster,
        master_url=observed.master_url or cluster.master_url,
        ui_url=observed.ui_url or cluster.ui_url,
        workers_ready=observed.workers_ready,
    )
    return cluster if after == cluster else after


def _in_cluster_state(cluster: Cluster, state: ClusterState, now: datetime) -> Cluster:
    return cluster if state is cluster.state else replace(cluster, state=state, state_since=now)


def _job_state(job: Job, observed: JobObservation) -> tuple[JobState, Diagnosis | None]:
    if job.state is JobState.STOPPING and not job.savepoint_requested:
        if observed.phase is JobPhase.SUCCEEDED:
            return JobState.SUCCEEDED, None
        is_alive = observed.phase in (JobPhase.PENDING, JobPhase.RUNNING)
        return (JobState.STOPPING if is_alive else JobState.KILLED), None
    if observed.phase is JobPhase.ABSENT:
        return (job.state, None) if job.state is JobState.REQUESTED else (JobState.UNKNOWN, _JOB_LOST)
    state = _JOB_PHASES[observed.phase]
    if state is JobState.SUBMITTED and job.state is not JobState.REQUESTED:
        state = job.state
    if job.savepoint_requested and not state.is_final:
        # A job is not stopped without its savepoint: one that fails leaves the job running.
        state = JobState.RUNNING if observed.savepoint_failure else JobState.STOPPING
    fallback = {JobState.FAILED: _JOB_FAILED, JobState.UNKNOWN: _JOB_LOST}.get(state)
    return state, observed.diagnosis or fallback

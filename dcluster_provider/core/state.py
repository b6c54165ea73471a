"""The one place that decides states: record + observation + clock -> the next record."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.diagnosis_codes import ClusterCode, JobCode
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase, JobObservation, JobPhase
from dcluster_provider.core.places import is_told_better
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
    "The cluster no longer knows the job, so whether it finished cannot be told.",
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


def advance_cluster(cluster: Cluster, seen: ClusterObservation, now: datetime) -> Cluster:
    """The cluster after an observation; the same object when nothing about it changed.

    A failing cluster passes through TERMINATING with its diagnosis, and is FAILED once nothing of it is left.
    """
    if cluster.state.is_final:
        return cluster
    if seen.phase is ClusterPhase.ABSENT:
        return _without_cluster(cluster, now)
    if seen.phase is ClusterPhase.BROKEN and cluster.state is not ClusterState.TERMINATING:
        return fail_cluster(_with_addresses(cluster, seen), seen.diagnosis or _CLUSTER_BROKEN, now)
    after = _in_cluster_state(_with_addresses(cluster, seen), _alive_state(cluster.state, seen.phase), now)
    return after if after.state.is_ending else _with_hint(after, seen.hint)


def place_cluster(cluster: Cluster, seen: ClusterObservation, place: str) -> Cluster:
    """The cluster with a place that tells more than its own, if something of it was seen there."""
    is_there = seen.phase is not ClusterPhase.ABSENT
    return replace(cluster, place=place) if is_there and is_told_better(cluster.place, place) else cluster


def begin_cluster(cluster: Cluster, now: datetime) -> Cluster:
    """The cluster once its platform has been asked for it."""
    if cluster.state is not ClusterState.REQUESTED:
        return cluster
    return _in_cluster_state(cluster, ClusterState.PROVISIONING, now)


def reach_cluster(cluster: Cluster, master_url: str, ui_url: str, now: datetime) -> Cluster:
    """A cluster that somebody else runs, by the addresses that it is reached by now."""
    after = replace(cluster, master_url=master_url, ui_url=ui_url)
    return _in_cluster_state(cluster if after == cluster else after, ClusterState.RUNNING, now)


def end_cluster(cluster: Cluster, now: datetime) -> Cluster:
    """The cluster once its end has been asked for."""
    if cluster.state.is_ending:
        return cluster
    return replace(_in_cluster_state(cluster, ClusterState.TERMINATING, now), diagnosis=None)


def fail_cluster(cluster: Cluster, diagnosis: Diagnosis, now: datetime) -> Cluster:
    """The cluster once it is known to have failed: it is being removed, and the reason is kept."""
    if cluster.state.is_ending:
        return cluster
    return replace(_in_cluster_state(cluster, ClusterState.TERMINATING, now), diagnosis=diagnosis)


def give_up_cluster(cluster: Cluster, diagnosis: Diagnosis, now: datetime) -> Cluster:
    """The cluster of which nothing was ever made, once its platform turns out to be out of reach."""
    if cluster.state.is_final:
        return cluster
    failed = _in_cluster_state(cluster, ClusterState.FAILED, now)
    return replace(failed, diagnosis=cluster.diagnosis or diagnosis, workers_ready=0)


def advance_job(job: Job, seen: JobObservation, now: datetime) -> Job:
    """The job after an observation; the same object when nothing about it changed."""
    if job.state.is_final:
        return job
    state, diagnosis = _job_state(job, seen)
    ended = now if state.is_final else None
    wanted = job.savepoint_wanted and state is JobState.STOPPING
    working = state in (JobState.RUNNING, JobState.SUCCEEDED, JobState.FAILED)
    after = replace(
        job,
        state=state,
        state_since=job.state_since if state is job.state else now,
        ui_url=seen.ui_url or job.ui_url,
        exit_code=seen.exit_code if seen.exit_code is not None else job.exit_code,
        started_at=job.started_at or (now if working else None),
        ended_at=ended,
        diagnosis=diagnosis if state.is_final else _hint_of(job, seen.hint),
        savepoint_wanted=wanted,
        savepoint=seen.savepoint or job.savepoint,
        result=seen.result if seen.result is not None else job.result,
        savepoint_failure=(seen.savepoint_failure if job.savepoint_wanted else None) or job.savepoint_failure,
    )
    return job if after == job else after


def begin_job(job: Job, now: datetime) -> Job:
    """The job once its platform has been asked to run it."""
    return replace(job, state=JobState.SUBMITTED, state_since=now) if job.state is JobState.REQUESTED else job


def stop_job(job: Job, now: datetime) -> Job:
    """The job once its end has been asked for, with no savepoint, even if one was wanted before."""
    if job.state.is_final:
        return job
    if job.state is JobState.STOPPING:
        return replace(job, savepoint_wanted=False) if job.savepoint_wanted else job
    return replace(job, state=JobState.STOPPING, state_since=now)


def stop_job_with_savepoint(job: Job, now: datetime) -> Job:
    """The job once it has been asked to end with a savepoint; one that is not at work stays as it is."""
    if job.state is not JobState.RUNNING:
        return job
    return replace(
        job, state=JobState.STOPPING, state_since=now, savepoint_wanted=True, savepoint_failure=None
    )


def fail_job(job: Job, diagnosis: Diagnosis, now: datetime, state: JobState = JobState.FAILED) -> Job:
    """The job once it is known, without an observation of it, to have failed or been lost."""
    if job.state.is_final:
        return job
    if job.state is JobState.STOPPING and not job.savepoint_wanted:
        state = JobState.KILLED
    return replace(
        job, state=state, state_since=now, ended_at=now, diagnosis=diagnosis, savepoint_wanted=False
    )


def _with_hint(cluster: Cluster, hint: Diagnosis | None) -> Cluster:
    told = _hint_of(cluster, hint)
    return cluster if told == cluster.diagnosis else replace(cluster, diagnosis=told)


def _hint_of(record: Cluster | Job, hint: Diagnosis | None) -> Diagnosis | None:
    """What is told of a record that goes on; as it was told before when only the evidence is another."""
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


def _alive_state(state: ClusterState, phase: ClusterPhase) -> ClusterState:
    if state is ClusterState.TERMINATING:
        return state
    if phase is ClusterPhase.READY:
        return ClusterState.RUNNING
    return ClusterState.DEGRADED if state.takes_jobs else ClusterState.PROVISIONING


def _with_addresses(cluster: Cluster, seen: ClusterObservation) -> Cluster:
    after = replace(
        cluster,
        master_url=seen.master_url or cluster.master_url,
        ui_url=seen.ui_url or cluster.ui_url,
        workers_ready=seen.workers_ready,
    )
    return cluster if after == cluster else after


def _in_cluster_state(cluster: Cluster, state: ClusterState, now: datetime) -> Cluster:
    return cluster if state is cluster.state else replace(cluster, state=state, state_since=now)


def _job_state(job: Job, seen: JobObservation) -> tuple[JobState, Diagnosis | None]:
    if job.state is JobState.STOPPING and not job.savepoint_wanted:
        if seen.phase is JobPhase.SUCCEEDED:
            return JobState.SUCCEEDED, None
        is_alive = seen.phase in (JobPhase.PENDING, JobPhase.RUNNING)
        return (JobState.STOPPING if is_alive else JobState.KILLED), None
    if seen.phase is JobPhase.ABSENT:
        return (job.state, None) if job.state is JobState.REQUESTED else (JobState.UNKNOWN, _JOB_LOST)
    state = _JOB_PHASES[seen.phase]
    if state is JobState.SUBMITTED and job.state is not JobState.REQUESTED:
        state = job.state
    if job.savepoint_wanted and not state.is_final:
        # Without the savepoint it is not stopped: one that cannot be made leaves the job at work.
        state = JobState.RUNNING if seen.savepoint_failure else JobState.STOPPING
    fallback = {JobState.FAILED: _JOB_FAILED, JobState.UNKNOWN: _JOB_LOST}.get(state)
    return state, seen.diagnosis or fallback

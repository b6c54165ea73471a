"""The phase of a job, from the states of its Flink jobs and what became of its client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from dcluster_provider.core.observation import JobObservation, JobPhase

_PHASES = {
    "INITIALIZING": JobPhase.PENDING,
    "CREATED": JobPhase.PENDING,
    "RECONCILING": JobPhase.PENDING,
    "RUNNING": JobPhase.RUNNING,
    "RESTARTING": JobPhase.RUNNING,
    "FAILING": JobPhase.RUNNING,
    "CANCELLING": JobPhase.RUNNING,
    "SUSPENDED": JobPhase.RUNNING,  # its JobManager is about to end, and the next one may go on with it
    "FINISHED": JobPhase.SUCCEEDED,
    "FAILED": JobPhase.FAILED,
    "CANCELED": JobPhase.KILLED,
}
FINAL_PHASES = (JobPhase.SUCCEEDED, JobPhase.FAILED, JobPhase.KILLED, JobPhase.LOST)
LEFT_ALONE = timedelta(seconds=60)  # after its client's end; what lives still was not waited for


def job_phase(found: Mapping[str, Any]) -> JobPhase:
    """The phase of a job from its entry in ``/jobs/overview``: RUNNING only when its tasks run."""
    tasks = found["tasks"]
    if found["state"] == "RUNNING" and tasks["running"] + tasks["finished"] < tasks["total"]:
        return JobPhase.PENDING
    return _PHASES.get(found["state"], JobPhase.LOST)


def while_client_runs(jobs: Sequence[JobObservation]) -> JobObservation:
    """A job whose client still runs, from the Flink jobs that it has submitted so far."""
    for found in reversed(jobs):
        if found.phase is JobPhase.RUNNING:
            return found
    done = any(found.phase in FINAL_PHASES for found in jobs)
    return JobObservation(JobPhase.RUNNING if done else JobPhase.PENDING, jobs[-1].ui_url if jobs else "")


def after_client(jobs: Sequence[JobObservation]) -> JobObservation | None:
    """The outcome of Flink jobs whose client has ended well; none when all of them have finished."""
    for phase in (JobPhase.FAILED, JobPhase.LOST, JobPhase.KILLED, JobPhase.RUNNING, JobPhase.PENDING):
        for found in jobs:
            if found.phase is phase:
                return found
    return None

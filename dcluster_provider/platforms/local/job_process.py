"""What a job's driver or client process tells about the job."""

from __future__ import annotations

import time

from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.platforms.local.failures import process_failure
from dcluster_provider.platforms.local.layout import JobPlace
from dcluster_provider.platforms.local.outcomes import read_outcome, write_outcome
from dcluster_provider.platforms.local.processes.process import Life
from dcluster_provider.platforms.local.processes.termination import end

STOP_GRACE = 5.0  # seconds that a driver or client has to leave by itself
_INTERRUPTED_SECONDS = 12  # a stop that takes longer was interrupted
_CONCLUDED_GRACE = 1.0


def settled(own: JobPlace, what: str) -> JobObservation | None:
    """The job as its process alone tells it; none while that runs.

    :param what: the process in words that begin a sentence.
    """
    verdict = read_outcome(own)
    if verdict is not None:
        return verdict
    state = own.process.state()
    if state.life is Life.RUNNING:
        if state.stopped:
            _go_on_stopping(own)
        return None
    if state.life is Life.NEW:
        return JobObservation(JobPhase.KILLED if state.stopped else JobPhase.ABSENT)
    if state.code == 0:
        return JobObservation(JobPhase.SUCCEEDED, exit_code=0)
    if state.stopped:
        return JobObservation(JobPhase.KILLED, exit_code=state.code)
    phase = JobPhase.LOST if state.life is Life.LOST else JobPhase.FAILED
    failure = process_failure(what, state, own.log, own.cluster.folder)
    return JobObservation(phase, exit_code=state.code, diagnosis=failure)


def conclude(own: JobPlace, seen: JobObservation) -> JobObservation:
    """End what a job whose outcome is decided still has running; what was seen stays its outcome."""
    write_outcome(own, seen)
    end([own.process], _CONCLUDED_GRACE)
    return seen


def _go_on_stopping(own: JobPlace) -> None:
    try:
        asked = (own.folder / "stop").stat().st_mtime
    except OSError:
        return
    if time.time() - asked > _INTERRUPTED_SECONDS:
        end([own.process], STOP_GRACE)

"""What a job's driver or client process tells about the job."""

from __future__ import annotations

import time

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.platforms.local.failures import process_failure
from dcluster_provider.platforms.local.files import read_json, write_json
from dcluster_provider.platforms.local.layout import JobPlace
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


def read_outcome(own: JobPlace) -> JobObservation | None:
    """The judgement on a job, if there is one."""
    stored = read_json(own.verdict)
    if stored is None:
        return None
    diagnosis = stored["diagnosis"]
    return JobObservation(
        JobPhase(stored["phase"]),
        ui_url=stored["ui_url"],
        exit_code=stored["exit_code"],
        diagnosis=Diagnosis.from_json(diagnosis) if diagnosis else None,
        savepoint=stored.get("savepoint", ""),
    )


def write_outcome(own: JobPlace, seen: JobObservation) -> None:
    """Keep a judgement on a job."""
    write_json(
        own.verdict,
        {
            "phase": seen.phase.value,
            "ui_url": seen.ui_url,
            "exit_code": seen.exit_code,
            "diagnosis": seen.diagnosis.as_json() if seen.diagnosis else None,
            "savepoint": seen.savepoint,
        },
    )

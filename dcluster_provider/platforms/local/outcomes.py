"""Judgements on jobs that the platform made and acted on: they outlive what they were made from."""

from __future__ import annotations

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.platforms.local.files import read_json, write_json
from dcluster_provider.platforms.local.layout import JobPlace


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

"""Stopping a Flink job with a savepoint: one request, however often it is made, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dcluster_provider.core.diagnosis import Diagnosis, SavepointCode
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.identity import savepoint_trigger
from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.core.record import Job
from dcluster_provider.engines.flink import rest as flink_rest
from dcluster_provider.engines.flink.rest import FINAL_PHASES
from dcluster_provider.engines.rest import EngineRest, ErrorResponse

SAVEPOINT_FOLDER = "execution.checkpointing.savepoint-dir"
FOLDER_SETTINGS = (SAVEPOINT_FOLDER, "state.savepoints.dir")
_ABSOLUTE = re.compile(r"^(/|[a-z][a-z0-9+.-]*:)")
_FINAL_MESSAGE = re.compile(r"^(?:Caused by: )?[\w.$]+(?:Exception|Error): (.+)$")
_MAX_LINES = 8


@dataclass(frozen=True)
class Stop:
    """How far a stop with a savepoint has come; neither is set while Flink is at it.

    :param savepoint: the folder of the savepoint: the job has ended.
    :param failure: why there is none: the job goes on.
    """

    savepoint: str = ""
    failure: Diagnosis | None = None

    def seen_with(self, seen: JobObservation) -> JobObservation:
        """What was seen of the job, with what came of its stop.

        A savepoint has ended the job for Flink, whatever its client would do next.
        """
        phase = JobPhase.SUCCEEDED if self.savepoint else seen.phase
        diagnosis = None if self.savepoint else seen.diagnosis
        return JobObservation(phase, seen.ui_url, seen.exit_code, diagnosis, self.savepoint, self.failure)


def savepoint_folder(job: Job, cluster_settings: Mapping[str, str]) -> str:
    """The folder that savepoints of a job go to; empty when no setting names one.

    :param cluster_settings: of the job's cluster, defaults included.
    :raises InvalidSpec: a setting names one that is not absolute: where it is would depend on who looks.
    """
    for settings in (job.spec.extra_cmd, cluster_settings):
        for name in FOLDER_SETTINGS:
            folder = settings.get(name, "")
            if folder and not _ABSOLUTE.match(folder):
                raise InvalidSpec(
                    f"{job}: {name} is {folder!r}; write an absolute path or an address (s3://...)"
                )
            if folder:
                return folder
    return ""


def with_default_folder(settings: Mapping[str, str], folder: str) -> dict[str, str]:
    """The settings of a cluster, with a folder for savepoints unless they name one by whichever name."""
    default = {} if any(settings.get(name) for name in FOLDER_SETTINGS) else {SAVEPOINT_FOLDER: folder}
    return default | dict(settings)


def go_on_stopping(rest: EngineRest, job: Job, phases: Mapping[str, JobPhase], folder: str) -> Stop:
    """Ask for the stop, unless Flink knows of it already, and read what came of it.

    :param phases: of the Flink jobs that belong to the job.
    :param folder: where savepoints go.
    :raises NoAnswer: the JobManager could not be asked.
    :raises ErrorResponse: it answered with an error that says nothing of the job.
    """
    assert job.savepoint_request is not None
    trigger = savepoint_trigger(job.platform_key, job.generation, job.savepoint_request)
    for job_id, phase in phases.items():
        answer = flink_rest.savepoint_status(rest, job_id, trigger)
        if answer is not None:
            return _read(answer, folder)
        if phase is JobPhase.SUCCEEDED:
            # Flink forgets requests after a while, and the savepoint that ended a job never.
            savepoint = flink_rest.savepoint_ended_with(rest, job_id)
            if savepoint:
                return Stop(savepoint)
    going = [job_id for job_id, phase in phases.items() if phase not in FINAL_PHASES]
    if len(going) > 1:
        return Stop(failure=_several(going))
    if not going:
        return Stop(failure=None if phases else _NOTHING)
    return _ask(rest, going[0], trigger, folder)


def _ask(rest: EngineRest, job_id: str, trigger: str, folder: str) -> Stop:
    try:
        flink_rest.stop_with_savepoint(rest, job_id, folder, trigger)
    except ErrorResponse as refusal:
        if refusal.status in {404, 503}:  # it has just ended, or the JobManager has just begun
            raise
        return Stop(failure=_failed(flink_rest.refusal_text(refusal), folder))
    return Stop()


def _read(answer: Mapping[str, Any], folder: str) -> Stop:
    operation = answer.get("operation")
    if answer["status"]["id"] != "COMPLETED" or operation is None:
        return Stop()
    if operation.get("location"):
        return Stop(operation["location"])
    cause = operation.get("failure-cause") or {}
    return Stop(failure=_failed(cause.get("stack-trace") or str(cause), folder))


def _failed(stack: str, folder: str) -> Diagnosis:
    lines = [line.strip() for line in stack.splitlines()]
    told = [line for line in lines if line and not line.startswith(("at ", "... "))]
    messages = [found[1] for line in told if (found := _FINAL_MESSAGE.match(line))]
    cause = next((each for each in messages if "savepoint directory" in each), None)
    return Diagnosis(
        SavepointCode.FAILED,
        f"The savepoint could not be made, so the job was not stopped: "
        f"{cause or (messages or told or ['no reason given'])[-1]}",
        f"Make sure that the JobManager and every TaskManager can write to {folder} and that the job is a streaming "
        "job at work, then stop it again; or stop it without a savepoint.",
        tuple(dict.fromkeys(told[-_MAX_LINES:])),
    )


def _several(ids: list[str]) -> Diagnosis:
    return Diagnosis(
        SavepointCode.SEVERAL_JOBS,
        f"The job has {len(ids)} Flink jobs running, and a savepoint is of one: nothing was stopped.",
        "Write its statements into one statement set, so that they are one Flink job; or stop it without a savepoint.",
        tuple(f"Flink job {job_id}" for job_id in ids),
    )


_NOTHING = Diagnosis(
    SavepointCode.NO_JOB,
    "The job has no Flink job running of which a savepoint could be made, so nothing was stopped.",
    "Stop it again once it has one, or stop it without a savepoint.",
)

"""Requests to a JobManager, and the phases of jobs that its answers mean."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import IO, Any

from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.engines.rest import EngineRest, ErrorResponse, NoAnswer

_UPLOAD_SECONDS = 120.0
_RUN_SECONDS = 300.0  # the jar's main method runs meanwhile
_BLOCK = 1 << 20
_ENDED = ("FINISHED", "FAILED", "CANCELED")
_JSON = {"Content-Type": "application/json"}
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


def overview(engine: EngineRest) -> dict[str, Any]:
    """Slots and TaskManagers. Raises :class:`NoAnswer` or :class:`ErrorResponse`, as all of these do."""
    answer: dict[str, Any] = engine.request("GET", "/overview")
    return answer


def jobs_overview(engine: EngineRest) -> dict[str, dict[str, Any]]:
    """Every job by its id."""
    return {job["jid"]: job for job in engine.request("GET", "/jobs/overview")["jobs"]}


def is_busy(engine: EngineRest) -> bool:
    """Whether a JobManager has a job that has not ended, whoever submitted it."""
    return any(job["state"] not in _ENDED for job in jobs_overview(engine).values())


def root_exception(engine: EngineRest, job_id: str) -> str:
    """The stack trace that a job failed with; empty when there is none."""
    try:
        found = engine.request("GET", f"/jobs/{job_id}/exceptions")
    except (NoAnswer, ErrorResponse):
        return ""
    entries = (found.get("exceptionHistory") or {}).get("entries") or []
    return _writable(found.get("root-exception") or (entries[0]["stacktrace"] if entries else ""))


def upload_jar(engine: EngineRest, jar: IO[bytes], size: int) -> str:
    """Hand a jar over.

    :param size: of the jar, in bytes.
    :returns: the id to run it by.
    """
    boundary = f"dcluster-{secrets.token_hex(16)}"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="jarfile"; filename="application.jar"\r\n'
        "Content-Type: application/x-java-archive\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + size + len(tail)),
    }
    body = _parts(head, jar, tail)
    answer = engine.request("POST", "/jars/upload", body=body, headers=headers, timeout=_UPLOAD_SECONDS)
    return str(answer["filename"]).rsplit("/", 1)[-1]


def run_jar(engine: EngineRest, jar_id: str, wanted: Mapping[str, Any]) -> None:
    """Run a jar that was handed over.

    :param wanted: the body of the request.
    """
    body = json.dumps(wanted).encode()
    engine.request("POST", f"/jars/{jar_id}/run", body=body, headers=_JSON, timeout=_RUN_SECONDS)


def cancel(engine: EngineRest, job_id: str) -> None:
    """Begin to cancel a job, if it runs and its JobManager answers.

    Who wants to know asks for the job; a JobManager of ours that does not answer is ended with its cluster.
    """
    with suppress(NoAnswer, ErrorResponse):
        engine.request("PATCH", f"/jobs/{job_id}?mode=cancel")


def remove_jar(engine: EngineRest, jar_id: str) -> None:
    """Remove a jar that was handed over, if the JobManager lets; the jobs that were made of it have their own."""
    with suppress(NoAnswer, ErrorResponse):
        engine.request("DELETE", f"/jars/{jar_id}")


def stop_with_savepoint(engine: EngineRest, job_id: str, folder: str, trigger: str) -> None:
    """Begin to stop a job with a savepoint; the same trigger again changes nothing.

    :param trigger: 32 hexadecimal digits.
    """
    # Native: state that is kept asynchronously has no canonical form.
    wanted = {"targetDirectory": folder, "triggerId": trigger, "formatType": "NATIVE", "drain": False}
    engine.request("POST", f"/jobs/{job_id}/stop", body=json.dumps(wanted).encode(), headers=_JSON)


def savepoint_status(engine: EngineRest, job_id: str, trigger: str) -> dict[str, Any] | None:
    """How far a savepoint has come; none when nobody asked for it, or long ago."""
    try:
        answer: dict[str, Any] = engine.request("GET", f"/jobs/{job_id}/savepoints/{trigger}")
    except ErrorResponse as refusal:
        if refusal.status == 404:
            return None
        raise
    return answer


def savepoint_ended_with(engine: EngineRest, job_id: str) -> str:
    """The folder of the savepoint that a job which has finished was stopped with; empty when with none."""
    try:
        found = engine.request("GET", f"/jobs/{job_id}/checkpoints")
    except ErrorResponse as refusal:
        if refusal.status == 404:
            return ""
        raise
    last = (found.get("latest") or {}).get("savepoint") or {}
    return str(last.get("external_path", "")) if last.get("checkpoint_type") == "SYNC_SAVEPOINT" else ""


def refusal_text(refusal: ErrorResponse) -> str:
    """The stack trace of a refusal."""
    try:
        errors = json.loads(refusal.text)["errors"]
    except (ValueError, KeyError, TypeError):
        return refusal.text
    return _writable("\n".join(str(error) for error in errors))


def _writable(text: str) -> str:
    """A text without halves of characters: JSON can name them, and no file or database takes them."""
    return text.encode(errors="replace").decode()


def _parts(head: bytes, jar: IO[bytes], tail: bytes) -> Iterator[bytes]:
    yield head
    while block := jar.read(_BLOCK):
        yield block
    yield tail


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

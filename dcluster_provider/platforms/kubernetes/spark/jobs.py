"""Spark jobs on Kubernetes: a driver each, on a standalone cluster or with executors of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from dcluster_provider.core.diagnosis import Diagnosis, DiagnosisCode
from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.core.record import JobState
from dcluster_provider.engines.spark.conf import NAMED_BY_US, Worker
from dcluster_provider.engines.spark.executors import (
    awaits_executor,
    ended_at_start,
    executor_words,
    with_words,
    words_addresses,
)
from dcluster_provider.engines.spark.log_patterns import OF_EXECUTORS, SparkCode
from dcluster_provider.engines.spark.master import (
    NO_APPLICATION,
    application_ids,
    find_application,
    never_satisfied,
)
from dcluster_provider.platforms.kubernetes.diagnosis import (
    gated,
    is_another_since,
    is_out_of_memory,
    restart_evidence,
)
from dcluster_provider.platforms.kubernetes.observations import ClientPod
from dcluster_provider.platforms.kubernetes.pods.pod import Pod

_WHOLE_HEAD_BYTES = (
    200_000  # a head of a log that is shorter has all of it, and what is not there was not said
)
_EXECUTORS_END = timedelta(seconds=15)  # in which executors end after their driver, normally


def observe_on_standalone(
    client: ClientPod,
    worker: Worker,
    master: Pod | None,
    ask_master: Callable[[], dict[str, Any] | None],
    read_page: Callable[[str], str] = lambda _: "",
) -> JobObservation:
    """A job on a standalone cluster.

    :param master: the master's pod.
    :param ask_master: asks the master; only until the job is known to work, and after a restart of the master.
    :param read_page: reads one of the master's pages; empty when it cannot be read.
    """
    seen = client.observe()
    if seen is not None:
        return seen
    if client.job.state is JobState.RUNNING:
        if is_another_since(master, client.begun_by) and _is_forgotten(client, ask_master()):
            return JobObservation(JobPhase.FAILED, diagnosis=_master_restarted(master))
        return JobObservation(JobPhase.RUNNING)
    application = _application(client, ask_master())
    if application is None:
        return JobObservation(JobPhase.RUNNING if _is_long(client) else JobPhase.PENDING)
    diagnosis = never_satisfied(application, worker)
    if diagnosis is not None:
        return JobObservation(JobPhase.FAILED, diagnosis=diagnosis)
    return _with_first_executor(client, application, read_page)


def _with_first_executor(
    client: ClientPod, application: Mapping[str, Any], read_page: Callable[[str], str]
) -> JobObservation:
    """A job that its master knows: it works once it has workers, and an executor has come from one of them."""
    if application["cores"] == 0:
        return JobObservation(JobPhase.PENDING)
    log = client.log_head(client.pod) if client.pod is not None else ""
    diagnosis = ended_at_start(log, client.job.spec.extra_cmd)
    if diagnosis is not None:
        pages = [read_page(address) for address in words_addresses(log, diagnosis)]
        words = [line for page in pages for line in executor_words(page.splitlines())]
        return JobObservation(JobPhase.FAILED, diagnosis=with_words(diagnosis, words) if words else diagnosis)
    age = client.now - datetime.fromtimestamp(application["starttime"] / 1000, timezone.utc)
    is_waiting = awaits_executor(log, age) and len(log.encode()) < _WHOLE_HEAD_BYTES
    return JobObservation(JobPhase.PENDING if is_waiting else JobPhase.RUNNING)


def observe_with_own_executors(client: ClientPod) -> JobObservation:
    """A job whose driver makes its executors itself."""
    executors = [pod for pod in client.pods if pod.role == "executor" and pod.job_id == client.job.id]
    seen = client.observe()
    if seen is not None:
        return _with_executors(client, seen, executors)
    if client.job.state is JobState.RUNNING or any(pod.phase == "Running" for pod in executors):
        return JobObservation(JobPhase.RUNNING)
    for pod in executors:
        broken = client.why_it_cannot_start(pod)
        if broken is not None:
            return JobObservation(JobPhase.FAILED, diagnosis=broken)
    idle = not executors and _is_long(client)
    waits = next(filter(None, map(gated, executors)), None)
    return JobObservation(JobPhase.RUNNING if idle else JobPhase.PENDING, hint=waits)


def _is_long(client: ClientPod) -> bool:
    began = client.running_since
    return began is not None and client.now - began > NO_APPLICATION


def _application(client: ClientPod, answer: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The job's application in a master's answer, by its id when it may have a name of its own."""
    found = find_application(answer, client.job)
    if found is not None or answer is None or not _has_own_names(answer, "activeapps") or client.pod is None:
        return found
    ids = application_ids(client.log_head(client.pod))
    return find_application(answer, client.job, ids[0]) if ids else None


def ids_of_applications(client: ClientPod, answer: Mapping[str, Any] | None) -> list[str]:
    """The ids of the applications that the driver has told of, when their names may not tell."""
    if answer is None or client.pod is None or not _has_own_names(answer, "completedapps"):
        return []
    return application_ids(client.log_head(client.pod))


def _is_forgotten(client: ClientPod, answer: Mapping[str, Any] | None) -> bool:
    """Whether a master that answers does not know the job's application."""
    return answer is not None and _application(client, answer) is None


def _has_own_names(answer: Mapping[str, Any], group: str) -> bool:
    """Whether programs on a master have given their applications names of their own."""
    return not all(NAMED_BY_US.fullmatch(application["name"]) for application in answer.get(group, ()))


def _master_restarted(master: Pod | None) -> Diagnosis:
    assert master is not None
    return Diagnosis(
        SparkCode.MASTER_RESTARTED,
        "The Spark master restarted and no longer knows the job, which gets no executors any more; its driver was "
        "ended.",
        "Run the job again. When the master ran short of memory, raise masterMemory; when its node went, let masters "
        "have nodes that stay (useOnDemandMaster).",
        restart_evidence(master),
    )


def _with_executors(client: ClientPod, seen: JobObservation, executors: list[Pod]) -> JobObservation:
    """A failure whose cause only the executors know, told by the last of them that failed."""
    if seen.diagnosis is None or not _blames_executors(seen.diagnosis.code):
        return seen
    if any(not pod.is_over for pod in executors) and _is_just_over(client):
        return JobObservation(JobPhase.RUNNING)
    failed = [pod for pod in executors if pod.phase == "Failed" or is_out_of_memory(pod)]
    if not failed:
        return seen
    last = max(failed, key=lambda pod: (is_out_of_memory(pod), pod.created_at))
    told = client.why_it_ended(last, "An executor")
    if _blames_executors(told.code) or told.code.is_from_outside:
        return seen
    cause = f"{told.cause} {seen.diagnosis.cause}"
    evidence = (*told.evidence, *seen.diagnosis.evidence)
    return replace(seen, diagnosis=replace(told, cause=cause, evidence=evidence))


def _blames_executors(code: DiagnosisCode) -> bool:
    """Whether an executor may know more of a failure."""
    return code.is_generic or code in OF_EXECUTORS


def _is_just_over(client: ClientPod) -> bool:
    """Whether the driver ended a moment ago, so that its executors are about to tell of theirs."""
    pod = client.pod
    at = pod.engine.finished_at if pod is not None and pod.engine is not None else None
    return at is not None and client.now - at < _EXECUTORS_END

"""Spark jobs on Kubernetes: a driver each, on a standalone cluster or with executors of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.core.record import JobState
from dcluster_provider.engines.spark import Worker, find_application, never_satisfied
from dcluster_provider.platforms.kubernetes.diagnosis import broken_pod, ended_pod
from dcluster_provider.platforms.kubernetes.job_outcome import ClientPod
from dcluster_provider.platforms.kubernetes.pod import Pod

DRIVER = "The driver"
_NO_APPLICATION = timedelta(seconds=60)  # a driver that has none by then is at work on something else
_LITTLE = {"ExitCode", "JavaException", "PythonException", "ExecutorsFailed"}


def observe_on_standalone(
    client: ClientPod, worker: Worker, ask_master: Callable[[], dict[str, Any] | None]
) -> JobObservation:
    """A job on a standalone cluster.

    :param ask_master: asks the master; only until the job is known to work.
    """
    seen = client.observe()
    if seen is not None:
        return seen
    if client.job.state is JobState.RUNNING:
        return JobObservation(JobPhase.RUNNING)
    application = find_application(ask_master(), client.job)
    if application is None:
        return JobObservation(JobPhase.RUNNING if _is_long(client) else JobPhase.PENDING)
    diagnosis = never_satisfied(application, worker)
    if diagnosis is not None:
        return JobObservation(JobPhase.FAILED, diagnosis=diagnosis)
    return JobObservation(JobPhase.RUNNING if application["cores"] > 0 else JobPhase.PENDING)


def observe_with_own_executors(client: ClientPod) -> JobObservation:
    """A job whose driver makes its executors itself."""
    executors = [pod for pod in client.pods if pod.role == "executor" and pod.job_id == client.job.id]
    seen = client.observe()
    if seen is not None:
        return _with_executors(seen, executors)
    if client.job.state is JobState.RUNNING or any(pod.phase == "Running" for pod in executors):
        return JobObservation(JobPhase.RUNNING)
    for pod in executors:
        late = client.now - pod.created_at > timedelta(seconds=15)
        broken = broken_pod(pod, client.now, client.patience, client.events(pod.name) if late else ())
        if broken is not None:
            return JobObservation(JobPhase.FAILED, diagnosis=broken)
    idle = not executors and _is_long(client)
    return JobObservation(JobPhase.RUNNING if idle else JobPhase.PENDING)


def _is_long(client: ClientPod) -> bool:
    pod = client.pod
    began = pod.engine.running_since if pod is not None and pod.engine is not None else None
    return began is not None and client.now - began > _NO_APPLICATION


def _with_executors(seen: JobObservation, executors: list[Pod]) -> JobObservation:
    """A failure whose cause only the executors know, told by the last of them that failed."""
    if seen.diagnosis is None or seen.diagnosis.reason not in _LITTLE:
        return seen
    failed = [pod for pod in executors if pod.phase == "Failed" and pod.engine is not None]
    if not failed:
        return seen
    told = ended_pod(max(failed, key=lambda pod: pod.created_at), "An executor")
    if told.reason in _LITTLE or told.reason.startswith("Killed"):
        return seen
    cause = f"{told.cause} {seen.diagnosis.cause}"
    evidence = (*told.evidence, *seen.diagnosis.evidence)
    return replace(seen, diagnosis=replace(told, cause=cause, evidence=evidence))

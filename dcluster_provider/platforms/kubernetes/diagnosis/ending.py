"""Why a pod or a container ended, and whether a master was started anew, so that what it knew is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dcluster_provider.core.cause_patterns import CausePattern
from dcluster_provider.core.diagnosis import CodeTrait, Diagnosis, DiagnosisCode, ProcessCode
from dcluster_provider.engines.evidence import explain_exit, last_words
from dcluster_provider.platforms.kubernetes.diagnosis.disruption import DisruptionCode, taken_away
from dcluster_provider.platforms.kubernetes.diagnosis.subject import (
    container_in_words,
    event_lines,
    image_field,
    memory_field,
    one_line,
    short,
)
from dcluster_provider.platforms.kubernetes.pods.pod import Container, KubernetesEvent, Pod

_NO_MEMORY = "OOMKilled"
_SIGNALLED = {137, 143}  # exit codes of what a kubelet ends


class EndCode(DiagnosisCode):
    """How pods and other objects of Kubernetes end."""

    CONTAINER_CANNOT_START = (
        "ContainerCannotStart",
        "The process of a container cannot be started in its image.",
    )
    CRASH_LOOP = "CrashLoopBackOff", "A container ends again and again, and its log does not tell a cause."
    DEPLOYMENT_DELETED = (
        "DeploymentDeleted",
        "A Deployment of a cluster was deleted: its pods do not come back.",
    )
    OOM_KILLED = "OOMKilled", "A container used more memory than its limit."
    POD_DELETED = "PodDeleted", "Somebody deleted a pod before it ended.", CodeTrait.FROM_OUTSIDE
    POD_FAILED = "PodFailed", "A pod failed, and nothing says why."


CANNOT_START = CausePattern(
    EndCode.CONTAINER_CANNOT_START,
    r"^(?:RunContainerError|StartError|ContainerCannotRun): (?:.*unable to start container process: )?(.*?)"
    r"(?:: unknown)?$",
    "{what} cannot be started in its image {image}: {0}.",
    "Correct {field}: the image has to hold what is started.",
)


@dataclass(frozen=True)
class _ContainerEnd:
    """How a container ended."""

    code: int | None
    reason: str
    message: str


def ended_pod(pod: Pod, what: str, log: Sequence[str] = ()) -> Diagnosis:
    """Why a pod that had to do its work and end has failed.

    :param pod: one that is over, or is being deleted.
    :param what: it in words that begin a sentence, ``The driver of job 17`` for instance.
    :param log: the end of its engine's log, of which Kubernetes itself keeps two KiB.
    """
    who = f"{what} (pod {pod.name})"
    from_outside = taken_away(pod, who)
    if from_outside:
        return from_outside
    container = _culprit(pod)
    if pod.deleting and (container is None or _is_signalled(container)):
        return _deleted(pod, who, container)
    if container is None:
        return Diagnosis(
            EndCode.POD_FAILED,
            f"{who} failed, and nothing says why.",
            "Look at its node and its events (kubectl describe), then run the job again.",
            (short(pod.message),) if pod.message else (),
        )
    if container is not pod.engine:
        who = f"{who}, in its container {container.name},"
    message = "\n".join(log) if log and container is pod.engine else container.exit_message
    return _explained(pod, container, who, _ContainerEnd(container.exit_code, container.exit_reason, message))


def _is_signalled(container: Container) -> bool:
    return container.exit_code in _SIGNALLED and container.exit_reason != _NO_MEMORY


def _deleted(pod: Pod, who: str, container: Container | None) -> Diagnosis:
    told = [short(pod.message)] if pod.message else []
    if container is not None:
        told.append(
            f"container {container.name}: exit code {container.exit_code} {container.exit_reason}".rstrip()
        )
    return Diagnosis(
        EndCode.POD_DELETED,
        f"{who} was deleted before it ended.",
        "Find out who deleted it (kubectl get events, the audit log), then run the job again.",
        tuple(told),
    )


def is_out_of_memory(pod: Pod) -> bool:
    """Whether a process of a pod was killed for its memory, however the pod ended after that."""
    return any(container.exit_reason == _NO_MEMORY for container in pod.containers)


def crashed_container(pod: Pod, container: Container, noted: Sequence[KubernetesEvent]) -> Diagnosis:
    """Why a container ends again and again.

    :param noted: warnings about the pod.
    """
    who = container_in_words(pod, container)
    end = _ContainerEnd(container.last_exit_code, container.last_exit_reason, container.last_exit_message)
    found = _explained(pod, container, who, end)
    times = f"ended {container.restarts + 1} times"
    told = [event for event in noted if event.reason not in ("BackOff", "Failed")]
    found = replace(found, evidence=(times, *found.evidence, *event_lines(told)))
    if found.code == ProcessCode.EXIT_CODE:
        remedy = f"Read its log (kubectl logs --previous {pod.name} -c {container.name})."
        return replace(
            found,
            code=EndCode.CRASH_LOOP,
            cause=f"{who} ends again and again with exit code {end.code}.",
            remedy=remedy,
        )
    return found


def _culprit(pod: Pod) -> Container | None:
    """The container by whose end the pod has failed: one before the engine, else the engine, else another."""
    failed = [
        container
        for container in pod.containers
        if container.exit_code or container.exit_reason == _NO_MEMORY
    ]
    before = [container for container in failed if container.init]
    engine = [container for container in failed if container is pod.engine]
    return next(iter([*before, *engine, *failed]), None)


def _explained(pod: Pod, container: Container, who: str, end: _ContainerEnd) -> Diagnosis:
    lines = end.message.splitlines()
    if end.reason == _NO_MEMORY:
        return _out_of_memory(pod, container, who, end, lines)
    not_started = CANNOT_START.search(
        one_line(end.reason, end.message), what=who, image=container.image, field=image_field(pod, container)
    )
    if not_started:
        evidence = (f"{end.reason}, exit code {end.code}",)
        return not_started.diagnosis(evidence)
    if end.reason == "ContainerStatusUnknown":
        return Diagnosis(
            DisruptionCode.NODE_LOST,
            f"{who} was lost with its node {pod.node}, and how it ended is not known.",
            "Look at the node (kubectl describe node), then run it again.",
            (f"{end.reason}, exit code {end.code}: {short(end.message)}",),
        )
    found = explain_exit(who, end.code, lines)
    if found.code == ProcessCode.KILLED_BY_SIGNAL and end.code in (137, -9):
        field = memory_field(pod)
        return replace(
            found,
            remedy=f"When nobody ended it, it or its node was short of memory: raise {field}, then run it again.",
        )
    if who in found.cause:
        return found
    return replace(found, cause=f"{who} failed: {found.cause[0].lower()}{found.cause[1:]}")


def _out_of_memory(
    pod: Pod, container: Container, who: str, end: _ContainerEnd, lines: list[str]
) -> Diagnosis:
    field = memory_field(pod)
    remedy = f"Raise {field}, or let it do less at once (fewer cores, smaller partitions), then run it again."
    if container is not pod.engine:
        remedy = f"Raise the memory limit of its container {container.name} in the connection's pod_template."
    last = last_words(lines)[-6:]
    return Diagnosis(
        EndCode.OOM_KILLED,
        f"{who} was killed because it used more memory than its limit.",
        remedy,
        (f"OOMKilled, exit code {end.code}", *last),
    )


def is_another_since(pod: Pod | None, moment: datetime | None) -> bool:
    """Whether the engine of a pod is another than the one that was at work at a moment.

    What tells is the end of the one before it: a first engine may well have begun later than what works with it.

    :returns: false when either is not known.
    """
    engine = pod.engine if pod else None
    if pod is None or engine is None or engine.running_since is None or moment is None:
        return False
    came = pod.created_at  # it stands in for another pod, or came with all others
    if engine.restarts:
        came = engine.last_finished_at or engine.running_since
    return came >= moment.replace(microsecond=0)  # Kubernetes tells times in whole seconds


def restart_evidence(pod: Pod) -> tuple[str, ...]:
    """Since when the engine of a pod runs, and how it ended before."""
    engine = pod.engine
    assert engine is not None
    evidence = [f"pod {pod.name} runs since {engine.running_since}, {engine.restarts} restarts"]
    if engine.restarts:
        last = f"{engine.last_exit_reason or 'unknown'} (exit code {engine.last_exit_code})"
        evidence += [f"it ended before: {last}", *last_words(engine.last_exit_message.splitlines())[-6:]]
    return tuple(evidence)

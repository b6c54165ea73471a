"""Who a pod is in words, and which fields of ours decide about it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dcluster_provider.core.engine_traits import TYPES
from dcluster_provider.platforms.kubernetes.pods.pod import Container, KubernetesEvent, Pod

_MAX_WIDTH = 400
_MAX_EVENTS = 4

_EITHER = {
    "master": "master",
    "worker": "worker",
    "driver": "driver",
    "executor": "executor",
    "client": "client",
}
_ROLES = {
    "spark": _EITHER | {"master": "Spark master", "worker": "Spark worker"},
    "flink": _EITHER
    | {"master": "Flink JobManager", "worker": "Flink TaskManager", "client": "Flink client"},
}
_MEMORY = {
    "master": "masterMemory",
    "worker": "workerMemory",
    "driver": "driverMemGb",
    "executor": "workerMemGb",
    "client": "driverMemGb",
}
_CPU = {"master": "masterCpu", "worker": "workerCpu", "executor": "workerCpu"}
POD_TEMPLATE = "the connection's pod_template"


def pod_in_words(pod: Pod) -> str:
    """A pod in words that begin a sentence: ``The Spark worker flights-worker-0`` for instance."""
    traits = TYPES.get(pod.cluster_type)
    words = _ROLES.get(traits.name, _EITHER) if traits else _EITHER
    return f"The {words.get(pod.role, 'pod')} {pod.name}"


def container_in_words(pod: Pod, container: Container) -> str:
    """A container in words that begin a sentence; the engine's own is the pod."""
    if container is pod.engine:
        return pod_in_words(pod)
    kind = "init container" if container.init else "container"
    return f"{pod_in_words(pod)}, in its {kind} {container.name},"


def memory_field(pod: Pod) -> str:
    """The field that a pod's memory follows."""
    return _MEMORY.get(pod.role, "its memory")


def cpu_field(pod: Pod) -> str:
    """The field that a pod's CPU follows."""
    return _CPU.get(pod.role, f"its CPU request in {POD_TEMPLATE}")


def image_field(pod: Pod, container: Container) -> str:
    """The field that a container's image comes from."""
    if container is not pod.engine:
        return POD_TEMPLATE
    own = f"{pod.cluster_type}_image of the connection" if pod.cluster_type else "the image of the connection"
    return own if pod.job_id is None else f"dockerImageName of the job, or {own} where that is empty"


def warnings_about(pod: Pod, events: Iterable[KubernetesEvent]) -> list[KubernetesEvent]:
    """What went wrong with this very pod, not one of its name before it; oldest first."""
    own = [event for event in events if event.warning and event.kind == "Pod" and event.name == pod.name]
    return sorted((event for event in own if event.uid in ("", pod.uid)), key=lambda event: event.last_at)


def claims_of(pod: Pod, events: Iterable[KubernetesEvent]) -> list[KubernetesEvent]:
    """What went wrong with the volumes that a pod brings with it, which are named after it; oldest first."""
    own = [event for event in events if event.warning and event.kind == "PersistentVolumeClaim"]
    return sorted(
        (event for event in own if event.name.startswith(f"{pod.name}-")), key=lambda event: event.last_at
    )


def event_lines(events: Iterable[KubernetesEvent]) -> tuple[str, ...]:
    """Events as evidence, the last few."""
    lines = []
    for event in list(events)[-_MAX_EVENTS:]:
        times = f" ({event.count} times)" if event.count > 1 else ""
        lines.append(short(f"{event.reason}{times}: {event.message}"))
    return tuple(lines)


def age(pod: Pod, now: datetime) -> float:
    """Seconds since a node took the pod over, or since it was made when none has."""
    return (now - (pod.started_at or pod.created_at)).total_seconds()


def short(text: str) -> str:
    """A message in one line of bearable length."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_WIDTH else line[: _MAX_WIDTH - 3] + "..."


def sentence(text: str) -> str:
    """A message as the end of a sentence."""
    told = short(text)
    return told if told.endswith("...") else told.rstrip(".") + "."


def one_line(reason: str, message: str) -> str:
    """What Kubernetes says of something, as the patterns of the tables expect it."""
    return f"{reason}: {' '.join(message.split())}"

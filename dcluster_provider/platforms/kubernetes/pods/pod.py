"""A pod and an event as this platform needs them: what is left of their JSON, since thousands are held in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from sys import intern
from typing import Any

from dcluster_provider.platforms.kubernetes.manifests.metadata import (
    CLUSTER,
    CLUSTER_ID,
    CLUSTER_TYPE,
    JOB,
    PREFIX,
    REGISTRY,
    ROLE,
)

ENGINE_CONTAINER = "engine"

_Json = Mapping[str, Any]
_NOTHING: _Json = {}
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod.

    :param init: it runs before the others and has to end.
    :param started: its startup probe, where it has one, succeeded.
    :param waiting_reason: why it does not run yet, ``ImagePullBackOff`` for instance; empty when it does not wait.
    :param exit_code: of the process that ended and was not followed by another, none while there is no such.
    :param exit_message: what it left as its last words, usually the end of its log.
    :param last_exit_code: of the process before the present one, none before the first restart.
    :param began_at: when the present process began, or the one that ended and was not followed by another.
    :param running_since: when the present process began, none while there is none.
    """

    name: str
    init: bool
    image: str
    ready: bool = False
    started: bool = False
    restarts: int = 0
    waiting_reason: str = ""
    waiting_message: str = ""
    exit_code: int | None = None
    exit_reason: str = ""
    exit_message: str = ""
    finished_at: datetime | None = None
    last_exit_code: int | None = None
    last_exit_reason: str = ""
    last_exit_message: str = ""
    last_finished_at: datetime | None = None
    began_at: datetime | None = None
    running_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod.

    :param labels: those of this package only.
    :param phase: ``Pending``, ``Running``, ``Succeeded``, ``Failed`` or ``Unknown``.
    :param reason: why the whole pod is in its phase, ``Evicted`` for instance; usually empty.
    :param started_at: when a node took it over, none before.
    :param gone_by: when it has to be gone, as its deletion was asked for; none when it was not.
    :param gates: the names of what keeps the scheduler from looking for a node, a queue's for instance.
    :param let_through_at: when it was first seen without the gates that it had; none when that was not seen.
    :param unschedulable: what the scheduler says it waits for; empty when it does not.
    :param unschedulable_since: since when the scheduler says so.
    :param disruption_reason: why the cluster takes it away, ``PreemptionByScheduler`` for instance; usually empty.
    """

    name: str
    uid: str
    namespace: str
    labels: Mapping[str, str]
    phase: str
    reason: str
    message: str
    node: str
    ip: str
    created_at: datetime
    started_at: datetime | None
    gone_by: datetime | None
    scheduled: bool
    gates: tuple[str, ...]
    unschedulable: str
    unschedulable_since: datetime | None
    ready: bool
    disruption_reason: str
    disruption_message: str
    containers: tuple[Container, ...]
    let_through_at: datetime | None = None

    def after(self, known: Pod | None, now: datetime) -> Pod:
        """The pod with what is known from an earlier look, as far as Kubernetes does not tell it again.

        :param known: as it was seen before.
        """
        if known is None or self.gates:
            return self
        let_through_at = now if known.gates else known.let_through_at
        return self if let_through_at is None else replace(self, let_through_at=let_through_at)

    @property
    def role(self) -> str:
        """``master``, ``worker``, ``driver``, ``executor`` or ``client``; empty for a pod that is not ours."""
        return self.labels.get(ROLE, "")

    @property
    def cluster_name(self) -> str:
        """The cluster that it belongs to."""
        return self.labels.get(CLUSTER, "")

    @property
    def cluster_type(self) -> str:
        """The type of that cluster, ``spark3`` for instance; empty for a pod that is not ours."""
        return self.labels.get(CLUSTER_TYPE, "")

    @property
    def registry_id(self) -> str:
        """The registry that knows that cluster; empty when it was made before registries had ids."""
        return self.labels.get(REGISTRY, "")

    @property
    def cluster_id(self) -> int | None:
        """The id of that cluster, none when its label is no number."""
        return self._number(CLUSTER_ID)

    @property
    def job_id(self) -> int | None:
        """The job that it belongs to, none when it serves a cluster."""
        return self._number(JOB)

    @property
    def deleting(self) -> bool:
        """Its deletion was asked for."""
        return self.gone_by is not None

    @property
    def is_over(self) -> bool:
        """All its containers have ended and none will be started again."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def engine(self) -> Container | None:
        """The container that Spark or Flink runs in; none only for a pod without containers."""
        # Spark names the container of the executors that it makes itself.
        running = [container for container in self.containers if not container.init]
        named = (container for container in running if container.name == ENGINE_CONTAINER)
        return next(named, running[0] if running else None)

    def _number(self, label: str) -> int | None:
        value = self.labels.get(label, "")
        return int(value) if value.isdecimal() else None


@dataclass(frozen=True, slots=True)
class KubernetesEvent:
    """What a component of Kubernetes noted about an object.

    :param kind: of the object, ``Pod`` for instance.
    :param namespace: of the object.
    :param name: of the object.
    :param uid: of the object, which tells it from an earlier one of its name; may be empty.
    :param warning: it is about something that went wrong.
    :param count: how often it was noted.
    :param first_at: when it was noted first.
    :param last_at: when it was noted last.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    warning: bool
    reason: str
    message: str
    count: int
    first_at: datetime
    last_at: datetime


def read_pod(json: _Json) -> Pod:
    """The pod that an API server's JSON object describes."""
    metadata, spec, status = json["metadata"], json.get("spec") or _NOTHING, json.get("status") or _NOTHING
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    unscheduled = _if(conditions, "PodScheduled", "False")
    disrupted = _if(conditions, "DisruptionTarget", "True")
    return Pod(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        namespace=intern(metadata.get("namespace", "")),
        labels=_own_labels(metadata.get("labels") or _NOTHING),
        phase=intern(status.get("phase", "Pending")),
        reason=intern(status.get("reason", "")),
        message=status.get("message", ""),
        node=intern(spec.get("nodeName", "")),
        ip=status.get("podIP", ""),
        created_at=read_time(metadata.get("creationTimestamp")) or _EPOCH,
        started_at=read_time(status.get("startTime")),
        gone_by=read_time(metadata.get("deletionTimestamp")),
        scheduled=bool(spec.get("nodeName")),
        gates=tuple(intern(gate["name"]) for gate in spec.get("schedulingGates") or ()),
        unschedulable=unscheduled.get("message", ""),
        unschedulable_since=read_time(unscheduled.get("lastTransitionTime")),
        ready=bool(_if(conditions, "Ready", "True")),
        disruption_reason=intern(disrupted.get("reason", "")),
        disruption_message=disrupted.get("message", ""),
        containers=(
            *_containers(spec.get("initContainers"), status.get("initContainerStatuses"), init=True),
            *_containers(spec.get("containers"), status.get("containerStatuses"), init=False),
        ),
    )


def read_event(json: _Json) -> KubernetesEvent:
    """The event that an API server's JSON object (of the core group) describes."""
    about, series = json.get("involvedObject") or _NOTHING, json.get("series") or _NOTHING
    # Which of the times is set depends on the component that wrote the event.
    noted = (json.get("eventTime"), json["metadata"].get("creationTimestamp"))
    first = (json.get("firstTimestamp"), *noted)
    last = (series.get("lastObservedTime"), json.get("lastTimestamp"), *noted)
    return KubernetesEvent(
        kind=intern(about.get("kind", "")),
        namespace=intern(about.get("namespace", "")),
        name=about.get("name", ""),
        uid=about.get("uid", ""),
        warning=json.get("type") == "Warning",
        reason=intern(json.get("reason", "")),
        message=json.get("message") or "",
        count=series.get("count") or json.get("count") or 1,
        first_at=next((at for time in first if (at := read_time(time))), _EPOCH),
        last_at=next((at for time in last if (at := read_time(time))), _EPOCH),
    )


def read_time(text: str | None) -> datetime | None:
    """The time that an API server wrote, with or without a fraction of a second."""
    # Python 3.10 does not know the Z.
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def _own_labels(labels: _Json) -> Mapping[str, str]:
    return {intern(name): intern(value) for name, value in labels.items() if name.startswith(PREFIX)}


def _if(conditions: Mapping[str, _Json], kind: str, status: str) -> _Json:
    """The condition of a kind when it has this status, otherwise an empty one."""
    condition = conditions.get(kind, _NOTHING)
    return condition if condition.get("status") == status else _NOTHING


def _containers(specs: Any, statuses: Any, *, init: bool) -> list[Container]:
    known = {status["name"]: status for status in statuses or ()}
    return [_container(spec, known.get(spec["name"], _NOTHING), init=init) for spec in specs or ()]


def _container(spec: _Json, status: _Json, *, init: bool) -> Container:
    state, last = status.get("state") or _NOTHING, status.get("lastState") or _NOTHING
    waiting, running = state.get("waiting") or _NOTHING, state.get("running") or _NOTHING
    ended, ended_before = state.get("terminated") or _NOTHING, last.get("terminated") or _NOTHING
    return Container(
        name=intern(spec["name"]),
        init=init,
        image=intern(spec.get("image", "")),
        ready=bool(status.get("ready")),
        started=bool(status.get("started")),
        restarts=status.get("restartCount", 0),
        waiting_reason=intern(waiting.get("reason", "")),
        waiting_message=waiting.get("message", ""),
        exit_code=ended.get("exitCode"),
        exit_reason=intern(ended.get("reason", "")),
        exit_message=ended.get("message", ""),
        finished_at=read_time(ended.get("finishedAt")),
        last_exit_code=ended_before.get("exitCode"),
        last_exit_reason=intern(ended_before.get("reason", "")),
        last_exit_message=ended_before.get("message", ""),
        last_finished_at=read_time(ended_before.get("finishedAt")),
        began_at=read_time(running.get("startedAt") or ended.get("startedAt")),
        running_since=read_time(running.get("startedAt")),
    )


def running_master(pods: Iterable[Pod]) -> Pod | None:
    """The pod of a cluster's master that is not about to go; none while there is none."""
    return next((pod for pod in pods if pod.role == "master" and not pod.deleting), None)

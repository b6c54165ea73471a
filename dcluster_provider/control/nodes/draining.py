"""Getting the pods off nodes: one step after the other, each of which may be the last that its process makes.

What has to be remembered is on the node itself, in the same request that cordons it: whoever comes next goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.identity import LABEL_PREFIX
from dcluster_provider.core.node_use import why_not_evicted, work_by_node

if TYPE_CHECKING:
    from dcluster_provider.core.cluster_nodes import ClusterNode, NodePod
    from dcluster_provider.platforms.nodes import ClusterNodes

STARTED = LABEL_PREFIX + "drain-started"  # when its drain began, which its deadline counts from
LEFT = LABEL_PREFIX + "drain-left"  # when its last drain was given up, and why
WAS_CORDONED = LABEL_PREFIX + "cordoned-before"  # somebody else had cordoned it, so it stays so
_TOLD_PODS = 3  # in a sentence


@dataclass(frozen=True)
class Drained:
    """How far the drain of nodes has got, by their names.

    :param empty: nothing uses these any more, and they take no new pods.
    :param draining: what these still have on them.
    :param left: why these were left, and take new pods again.
    """

    empty: tuple[str, ...] = ()
    draining: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        """Whether nothing is draining any more."""
        return not self.draining

    def as_json(self) -> dict[str, Any]:
        """The progress as a JSON object."""
        return {"empty": list(self.empty), "draining": self.draining, "left": self.left}

    def __str__(self) -> str:
        told = f"{len(self.empty)} nodes empty, {len(self.draining)} draining, {len(self.left)} left"
        return "; ".join([told, *(f"{name}: {why}" for name, why in (self.draining | self.left).items())][:6])


class Draining:
    """Drains nodes of Kubernetes.

    :param timeout: in which the pods of a node have to be gone before it is left as it was.
    """

    def __init__(self, cluster: ClusterNodes, timeout: timedelta) -> None:
        self._cluster = cluster
        self._timeout = timeout

    def step(self, nodes: Sequence[ClusterNode], now: datetime, begun: datetime | None = None) -> Drained:
        """Cordon nodes, evict what may be evicted now, and tell what is left; to be repeated until nothing drains.

        Of a node that has a pod which must not be moved, none is moved: it may end by itself until the deadline.

        :param nodes: as they were listed just now.
        :param begun: when the drain was asked for: nodes that were left since are not tried again. None means that
            those are not which were left within one timeout.
        """
        begun = begun or now - self._timeout
        left: dict[str, str] = {}
        draining: dict[str, str] = {}
        cordoned: list[ClusterNode] = []
        for node in nodes:
            why = self._why_left(node, begun, now)
            if why:
                left[node.name] = why
            elif (taken := self._cordoned(node, begun, now)) is not None:
                cordoned.append(taken)
            else:
                draining[node.name] = "is gone or was made anew, and is looked at once more"
        # Listed after the last of them was cordoned: what is not there now will not come.
        pods = self._cluster.pods([node.name for node in cordoned]) if cordoned else []
        work = work_by_node(pods, now)
        for node in cordoned:
            on_it = work.get(node.name)
            if not on_it:
                continue
            if now - (drain_started(node) or now) > self._timeout:
                left[node.name] = self.give_up(node, on_it, now)
            else:
                draining[node.name] = self._evict(node, on_it, now)
        empty = tuple(node.name for node in cordoned if node.name not in work)
        return Drained(empty, draining, left)

    def finish(self, nodes: Sequence[ClusterNode]) -> None:
        """Note that nodes are drained, when they are to stay and be empty."""
        for node in nodes:
            if WAS_CORDONED in node.annotations or not node.cordoned or drain_started(node) is not None:
                self._cluster.cordon(node, {STARTED: None, WAS_CORDONED: None})

    def give_up(self, node: ClusterNode, work: Sequence[NodePod], now: datetime) -> str:
        """Let a node take new pods again, unless it took none before; returns why it was left."""
        why = f"not empty after {self._timeout.total_seconds():.0f} s: {_told(work)}"
        self.release(node, left_mark(why, now))
        return why

    def release(self, node: ClusterNode, marks: dict[str, str | None]) -> None:
        """Let a node take new pods again, unless somebody else had cordoned it before its drain."""
        if WAS_CORDONED in node.annotations:
            self._cluster.cordon(node, marks)
        else:
            self._cluster.uncordon(node, marks)

    def _why_left(self, node: ClusterNode, begun: datetime, now: datetime) -> str:
        """Why a node was left by this drain; empty when it was not."""
        started = drain_started(node)
        if started is None:
            return _left_since(node, begun)
        if node.cordoned or started < begun:
            return ""
        why = "somebody has uncordoned it"
        self._cluster.uncordon(node, left_mark(why, now))
        return why

    def _cordoned(self, node: ClusterNode, begun: datetime, now: datetime) -> ClusterNode | None:
        """The node once it takes no new pods; none when it is gone."""
        started = drain_started(node)
        outdated = (
            started is not None and started + self._timeout < begun
        )  # of a drain that nobody went on with
        if node.cordoned and not outdated:
            return node
        # Of two that begin at once the later one moves the deadline, by as little as lies between them.
        marks: dict[str, str | None] = {STARTED: now.isoformat(), LEFT: None}
        if not node.cordoned:
            marks[WAS_CORDONED] = None
        if not self._cluster.cordon(node, marks):
            return None
        kept = {name: value for name, value in {**node.annotations, **marks}.items() if value is not None}
        return replace(node, cordoned=True, annotations=kept)

    def _evict(self, node: ClusterNode, work: Sequence[NodePod], now: datetime) -> str:
        if drain_started(node) is None:
            self._cluster.cordon(node, {STARTED: now.isoformat(), WAS_CORDONED: "true", LEFT: None})
        held = [(pod, why) for pod in work if (why := why_not_evicted(pod))]
        if held:
            pod, why = held[0]
            return f"waits for {len(held)} pods that must not be moved, {pod} for one: {why}"
        blocked = ""
        for pod in work:
            if not pod.is_ending:
                eviction = self._cluster.evict(pod)
                if eviction.result == "blocked":
                    blocked = f", {pod} is not let go: {eviction.why}"
        return f"waits for {_told(work)}{blocked}"


def drain_started(node: ClusterNode) -> datetime | None:
    """When the drain of a node began that has not ended; none when it is not drained."""
    return _moment(node.annotations.get(STARTED, ""))


def left_mark(why: str, now: datetime) -> dict[str, str | None]:
    """What says on a node that its drain was given up."""
    return {STARTED: None, WAS_CORDONED: None, LEFT: f"{now.isoformat()} {why}"}


def _left_since(node: ClusterNode, since: datetime) -> str:
    """Why a node was left, if it was so after a moment."""
    at, _, why = node.annotations.get(LEFT, "").partition(" ")
    moment = _moment(at)
    return why if moment is not None and moment >= since else ""


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None  # none, or written by somebody else
    return moment if moment.tzinfo is not None else None


def _told(pods: Sequence[NodePod]) -> str:
    named = ", ".join(
        f"{pod} ({why_not_evicted(pod) or ('is ending' if pod.is_ending else pod.phase)})"
        for pod in pods[:_TOLD_PODS]
    )
    more = f" and {len(pods) - _TOLD_PODS} more" if len(pods) > _TOLD_PODS else ""
    return f"{len(pods)} pods: {named}{more}"

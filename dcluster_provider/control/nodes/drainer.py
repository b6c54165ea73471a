"""Cordons and drains nodes of Kubernetes, in steps each of which may be the last one of its process.

The state of a drain is in annotations of the node, set by the request that cordons it, so any process can continue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from dcluster_provider.control.records import utc_now
from dcluster_provider.core.cluster_nodes import ClusterNode, why_not_evicted, work_by_node
from dcluster_provider.core.errors import InvalidSpec, nearest
from dcluster_provider.core.identity import LABEL_PREFIX
from dcluster_provider.platforms.capabilities import ClusterNodes

if TYPE_CHECKING:
    from dcluster_provider.core.cluster_nodes import NodePod

STARTED = LABEL_PREFIX + "drain-started"  # when the drain began; its deadline counts from here
LEFT = LABEL_PREFIX + "drain-left"  # when the last drain was given up, and why
WAS_CORDONED = LABEL_PREFIX + "cordoned-before"  # it was cordoned before the drain, so it stays cordoned
_NAMED_PODS = 3  # that a message names


@dataclass(frozen=True)
class DrainProgress:
    """The progress of draining nodes, by their names.

    :param empty: cordoned nodes that nothing uses any more.
    :param draining: what nodes still wait for.
    :param left: why nodes were given up; they take new pods again.
    """

    empty: tuple[str, ...] = ()
    draining: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        """Whether no node is draining any more."""
        return not self.draining

    def as_json(self) -> dict[str, Any]:
        """The progress as a JSON object, for triggers and XCom."""
        return {"empty": list(self.empty), "draining": self.draining, "left": self.left}

    def __str__(self) -> str:
        counts = f"{len(self.empty)} nodes empty, {len(self.draining)} draining, {len(self.left)} left"
        return "; ".join(
            [counts, *(f"{name}: {why}" for name, why in (self.draining | self.left).items())][:6]
        )


class NodeDrainer:
    """Drains nodes of Kubernetes.

    :param timeout: after which a node with pods left is given up.
    """

    def __init__(self, cluster: ClusterNodes, timeout: timedelta) -> None:
        self._cluster = cluster
        self._timeout = timeout

    def step(
        self, nodes: Sequence[ClusterNode], now: datetime, begun: datetime | None = None
    ) -> DrainProgress:
        """Cordon nodes and evict the pods that can be evicted now; call it again until nothing is draining.

        A node with a pod that must not be moved keeps all of its pods: it may end by itself until the deadline.

        :param nodes: the nodes as just listed.
        :param begun: when the drain was requested: nodes given up since then are not drained again. None skips those
            that were given up within one timeout.
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
                draining[node.name] = "is gone or was recreated, and will be polled again"
        # Listed after all were cordoned: no new pod can appear.
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
        return DrainProgress(empty, draining, left)

    def finish(self, nodes: Sequence[ClusterNode]) -> None:
        """End the drain of nodes that are empty and stay cordoned."""
        for node in nodes:
            if WAS_CORDONED in node.annotations or not node.cordoned or drain_started(node) is not None:
                self._cluster.cordon(node, {STARTED: None, WAS_CORDONED: None})

    def give_up(self, node: ClusterNode, work: Sequence[NodePod], now: datetime) -> str:
        """Give up the drain of a node, and uncordon it unless it was cordoned before; returns why."""
        why = f"not empty after {self._timeout.total_seconds():.0f} s: {_describe(work)}"
        self.release(node, left_mark(why, now))
        return why

    def release(self, node: ClusterNode, marks: dict[str, str | None]) -> None:
        """Uncordon a node, unless it was cordoned before its drain."""
        if WAS_CORDONED in node.annotations:
            self._cluster.cordon(node, marks)
        else:
            self._cluster.uncordon(node, marks)

    def _why_left(self, node: ClusterNode, begun: datetime, now: datetime) -> str:
        """Why this drain has given up a node; empty when it has not."""
        started = drain_started(node)
        if started is None:
            return _left_since(node, begun)
        if node.cordoned or started < begun:
            return ""
        why = "it was uncordoned during its drain"
        self._cluster.uncordon(node, left_mark(why, now))
        return why

    def _cordoned(self, node: ClusterNode, begun: datetime, now: datetime) -> ClusterNode | None:
        """The node, cordoned; None when it is gone."""
        started = drain_started(node)
        outdated = started is not None and started + self._timeout < begun  # of an abandoned drain
        if node.cordoned and not outdated:
            return node
        # Of two drains that start at once, the later one moves the deadline by the time between them.
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
                    blocked = f", the eviction of {pod} is blocked: {eviction.why}"
        return f"waits for {_describe(work)}{blocked}"


def drain_started(node: ClusterNode) -> datetime | None:
    """When the present drain of a node began; None when it is not draining."""
    return _moment(node.annotations.get(STARTED, ""))


def left_mark(why: str, now: datetime) -> dict[str, str | None]:
    """The annotations of a node whose drain was given up."""
    return {STARTED: None, WAS_CORDONED: None, LEFT: f"{now.isoformat()} {why}"}


def _left_since(node: ClusterNode, since: datetime) -> str:
    """Why the drain of a node was given up, if that was after a moment; otherwise empty."""
    at, _, why = node.annotations.get(LEFT, "").partition(" ")
    moment = _moment(at)
    return why if moment is not None and moment >= since else ""


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None  # no time, or not written by this package
    return moment if moment.tzinfo is not None else None


def _describe(pods: Sequence[NodePod]) -> str:
    named = ", ".join(
        f"{pod} ({why_not_evicted(pod) or ('is ending' if pod.is_ending else pod.phase)})"
        for pod in pods[:_NAMED_PODS]
    )
    more = f" and {len(pods) - _NAMED_PODS} more" if len(pods) > _NAMED_PODS else ""
    return f"{len(pods)} pods: {named}{more}"


class NamedNodes:
    """Cordons, uncordons and drains nodes; their machines stay.

    :param drain_timeout: after which a node with pods left is given up.
    """

    def __init__(self, cluster: ClusterNodes | None, drain_timeout: timedelta) -> None:
        self._cluster = cluster
        self._drain_timeout = drain_timeout

    def cordon(self, names: Sequence[str]) -> tuple[str, ...]:
        """Cordon nodes, so that they take no new pods; running pods stay. Returns the names of the cordoned nodes.

        :raises InvalidSpec: a node does not exist; no node was cordoned.
        """
        cluster = self._known()
        return tuple(node.name for node in self._named(cluster, names) if cluster.cordon(node))

    def uncordon(self, names: Sequence[str]) -> tuple[str, ...]:
        """Uncordon nodes, which ends a drain in progress. Returns the names of the uncordoned nodes.

        :raises InvalidSpec: a node does not exist; no node was uncordoned.
        """
        cluster = self._known()
        now = utc_now()
        return tuple(
            node.name
            for node in self._named(cluster, names)
            if cluster.uncordon(
                node, left_mark("it was uncordoned", now) if drain_started(node) is not None else None
            )
        )

    def drain_step(self, names: Sequence[str], begun: datetime | None = None) -> DrainProgress:
        """Cordon nodes and evict the pods that can be evicted now; call it again until nothing is draining.

        A node that is empty stays cordoned, for the maintenance that follows.

        :param begun: see :meth:`~dcluster_provider.control.nodes.drainer.NodeDrainer.step`.
        :raises InvalidSpec: a node does not exist; no node was touched.
        """
        cluster = self._known()
        nodes = self._named(cluster, names)
        draining = NodeDrainer(cluster, self._drain_timeout)
        drained = draining.step(nodes, utc_now(), begun)
        draining.finish([node for node in nodes if node.name in drained.empty])
        return drained

    def _known(self) -> ClusterNodes:
        if self._cluster is None:
            raise InvalidSpec(
                "clusters of this connection run on one machine, which is not a node that can be cordoned or drained; "
                "name a connection of the Kubernetes platform"
            )
        return self._cluster

    @staticmethod
    def _named(cluster: ClusterNodes, names: Sequence[str]) -> list[ClusterNode]:
        if not names:
            raise InvalidSpec("field names: is empty; name at least one node")
        known = {node.name: node for node in cluster.nodes()}
        for name in names:
            if name not in known:
                raise InvalidSpec(
                    f"field names: Kubernetes has no node {name!r} (kubectl get nodes lists them)"
                    f"{nearest(name, set(known))}"
                )
        return [known[name] for name in dict.fromkeys(names)]

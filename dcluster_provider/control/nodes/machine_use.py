"""Which machines something uses, which nothing does, and of which it cannot be told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

from dcluster_provider.control.nodes.draining import drain_started
from dcluster_provider.core.identity import LABEL_PREFIX
from dcluster_provider.core.machines import Machine, MachineState
from dcluster_provider.core.node_use import KEEP_NODE, is_kept

if TYPE_CHECKING:
    from dcluster_provider.control.nodes.settings import NodeSettings
    from dcluster_provider.core.cluster_nodes import ClusterNode, NodePod

REMOVING = LABEL_PREFIX + "clean-up-started"  # when a clean-up cordoned it to give it back
_PATIENCE = timedelta(minutes=5)  # beyond its deadline, with a drain that somebody may still go on with


class Use(str, Enum):
    """Whether something uses a machine."""

    USED = "used"
    UNUSED = "unused"
    KEPT = "kept"  # nothing seems to use it, and it is not to be given back
    ABANDONED = "abandoned"  # something uses it, and nobody went on with what cordoned it


@dataclass(frozen=True)
class Fleet:
    """The machines of a connection, and what was seen of their nodes after they were listed.

    :param conn_id: of the connection.
    :param now: when it was looked at.
    :param nodes: what each machine has become in Kubernetes, by the machine's id; none at all without a Kubernetes.
    :param work: the pods that use each node, by its name.
    :param live_clusters: the names of the clusters that have not ended.
    :param were_nodes: the ids of machines that an earlier pass has seen as nodes.
    """

    settings: NodeSettings
    conn_id: str
    now: datetime
    machines: Sequence[Machine]
    nodes: Mapping[str, ClusterNode] | None
    work: Mapping[str, Sequence[NodePod]] = field(default_factory=dict)
    live_clusters: Collection[str] = ()
    were_nodes: Collection[str] = ()

    def judge(self) -> dict[Machine, tuple[Use, str]]:
        """Whether something uses each machine that is there, and why it is judged so."""
        launching = {it.mark for it in self.machines if it.mark and self._is_joining(it)}
        return {
            machine: self._judge_one(machine, launching)
            for machine in self.machines
            if machine.state not in (MachineState.ENDING, MachineState.GONE)
        }

    def _judge_one(self, machine: Machine, launching: set[str]) -> tuple[Use, str]:
        node = (self.nodes or {}).get(machine.id)
        if node is not None and self.work.get(node.name):
            return self._judge_used(node)
        claim = self._claim(machine, launching)
        if claim:
            return Use.USED, claim
        if machine.state is MachineState.STOPPED:
            return Use.KEPT, "somebody has stopped it; destroy it if it is not needed"
        return self._judge_node(node) if node is not None else self._judge_without_node(machine)

    def _claim(self, machine: Machine, launching: set[str]) -> str:
        """Why a machine is not to be given back although no pod uses it; empty when nobody claims it."""
        if self.now - machine.launched_at < self.settings.min_age:
            return "it is new"
        if machine.cluster and machine.cluster in self.live_clusters:
            return f"the cluster {machine.cluster} is live"
        return "its launch goes on" if machine.mark in launching else ""

    def _judge_used(self, node: ClusterNode) -> tuple[Use, str]:
        pods = self.work[node.name]
        why = f"{len(pods)} pods use it, {pods[0]} for one"
        abandoned = REMOVING in node.annotations or self._is_drain_over(node)
        return (Use.ABANDONED if abandoned else Use.USED), why

    def _judge_node(self, node: ClusterNode) -> tuple[Use, str]:
        if is_kept(node):
            return Use.KEPT, f"its annotation {KEEP_NODE} is true"
        started = drain_started(node)
        if started is not None and not self._is_drain_over(node):
            return Use.KEPT, f"it is being drained since {started:%Y-%m-%d %H:%M:%S} UTC"
        if node.cordoned and started is None and REMOVING not in node.annotations:
            return Use.KEPT, "somebody has cordoned it; uncordon it, or destroy it"
        return Use.UNUSED, f"nothing uses its node {node.name}"

    def _judge_without_node(self, machine: Machine) -> tuple[Use, str]:
        age = f"{(self.now - machine.launched_at).total_seconds():.0f} s after its launch"
        if self.now - machine.launched_at <= self.settings.registration_timeout:
            return Use.USED, "it may still become a node"
        if machine.state is not MachineState.RUNNING:
            return Use.UNUSED, f"it does not run {age}"
        if self.nodes is None:
            return (
                Use.KEPT,
                "clusters of this connection do not run on Kubernetes: nobody knows what runs on it",
            )
        if machine.connection != self.conn_id:
            return Use.KEPT, "it is no node of this Kubernetes, and another connection may have launched it"
        if machine.id in self.were_nodes:
            return (
                Use.KEPT,
                "it was a node and is none of this Kubernetes any more; destroy it if it is not needed",
            )
        return Use.UNUSED, f"it is no node of Kubernetes {age}"

    def _is_joining(self, machine: Machine) -> bool:
        if not machine.state.is_live or self.now - machine.launched_at > self.settings.registration_timeout:
            return False
        node = (self.nodes or {}).get(machine.id)
        return not (node and node.ready) and (
            self.nodes is not None or machine.state is not MachineState.RUNNING
        )

    def _is_drain_over(self, node: ClusterNode) -> bool:
        started = drain_started(node)
        return started is not None and self.now - started > self.settings.drain_timeout + _PATIENCE

"""Judges which machines are used, which are unused, and which cannot be judged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

from dcluster_provider.control.nodes.drainer import drain_started
from dcluster_provider.core.cluster_nodes import KEEP_NODE, is_kept
from dcluster_provider.core.identity import LABEL_PREFIX
from dcluster_provider.core.machines import Machine, MachineState

if TYPE_CHECKING:
    from dcluster_provider.control.nodes.settings import NodeSettings
    from dcluster_provider.core.cluster_nodes import ClusterNode, NodePod

REMOVING = LABEL_PREFIX + "clean-up-started"  # when a clean-up cordoned it to release it
_GRACE_PERIOD = timedelta(minutes=5)  # beyond its deadline, in which a drain may still be continued


class MachineUse(str, Enum):
    """Whether a machine is used, and may be released."""

    USED = "used"
    UNUSED = "unused"
    KEPT = "kept"  # apparently unused, but not to be released
    ABANDONED = "abandoned"  # used, and cordoned by a drain or clean-up that nobody continued


@dataclass(frozen=True)
class Fleet:
    """The machines of a connection, and their nodes as listed afterwards.

    :param conn_id: the connection.
    :param now: when the machines were listed.
    :param nodes: the node of each machine, by the machine's id; None without a Kubernetes.
    :param work: the pods that use each node, by its name.
    :param live_clusters: the names of the live clusters.
    :param were_nodes: the ids of machines that an earlier run found to be nodes.
    """

    settings: NodeSettings
    conn_id: str
    now: datetime
    machines: Sequence[Machine]
    nodes: Mapping[str, ClusterNode] | None
    work: Mapping[str, Sequence[NodePod]] = field(default_factory=dict)
    live_clusters: Collection[str] = ()
    were_nodes: Collection[str] = ()

    def judge(self) -> dict[Machine, tuple[MachineUse, str]]:
        """Judge each machine, with the reason."""
        launching = {it.mark for it in self.machines if it.mark and self._is_joining(it)}
        return {
            machine: self._judge_one(machine, launching)
            for machine in self.machines
            if machine.state not in (MachineState.ENDING, MachineState.GONE)
        }

    def _judge_one(self, machine: Machine, launching: set[str]) -> tuple[MachineUse, str]:
        node = (self.nodes or {}).get(machine.id)
        if node is not None and self.work.get(node.name):
            return self._judge_used(node)
        claim = self._claim(machine, launching)
        if claim:
            return MachineUse.USED, claim
        if machine.state is MachineState.STOPPED:
            return MachineUse.KEPT, "it was stopped by hand; destroy it if it is not needed"
        return self._judge_node(node) if node is not None else self._judge_without_node(machine)

    def _claim(self, machine: Machine, launching: set[str]) -> str:
        """Why a machine without pods is needed all the same; empty when it is not."""
        if self.now - machine.launched_at < self.settings.min_age:
            return "it is new"
        if machine.cluster and machine.cluster in self.live_clusters:
            return f"the cluster {machine.cluster} is live"
        return "its launch is in progress" if machine.mark in launching else ""

    def _judge_used(self, node: ClusterNode) -> tuple[MachineUse, str]:
        pods = self.work[node.name]
        why = f"{len(pods)} pods use it, {pods[0]} for one"
        abandoned = REMOVING in node.annotations or self._is_drain_over(node)
        return (MachineUse.ABANDONED if abandoned else MachineUse.USED), why

    def _judge_node(self, node: ClusterNode) -> tuple[MachineUse, str]:
        if is_kept(node):
            return MachineUse.KEPT, f"its annotation {KEEP_NODE} is true"
        started = drain_started(node)
        if started is not None and not self._is_drain_over(node):
            return MachineUse.KEPT, f"it has been draining since {started:%Y-%m-%d %H:%M:%S} UTC"
        if node.cordoned and started is None and REMOVING not in node.annotations:
            return MachineUse.KEPT, "it was cordoned by hand; uncordon it, or destroy it"
        return MachineUse.UNUSED, f"nothing uses its node {node.name}"

    def _judge_without_node(self, machine: Machine) -> tuple[MachineUse, str]:
        age = f"{(self.now - machine.launched_at).total_seconds():.0f} s after its launch"
        if self.now - machine.launched_at <= self.settings.registration_timeout:
            return MachineUse.USED, "it may still become a node"
        if machine.state is not MachineState.RUNNING:
            return MachineUse.UNUSED, f"it does not run {age}"
        if self.nodes is None:
            return (
                MachineUse.KEPT,
                "clusters of this connection do not run on Kubernetes: what runs on it is unknown",
            )
        if machine.connection != self.conn_id:
            return (
                MachineUse.KEPT,
                "it is no node of this Kubernetes, and another connection may have launched it",
            )
        if machine.id in self.were_nodes:
            return (
                MachineUse.KEPT,
                "it was a node of this Kubernetes and is none any more; destroy it if it is not needed",
            )
        return MachineUse.UNUSED, f"it is no node of Kubernetes {age}"

    def _is_joining(self, machine: Machine) -> bool:
        if not machine.state.is_live or self.now - machine.launched_at > self.settings.registration_timeout:
            return False
        node = (self.nodes or {}).get(machine.id)
        return not (node and node.ready) and (
            self.nodes is not None or machine.state is not MachineState.RUNNING
        )

    def _is_drain_over(self, node: ClusterNode) -> bool:
        started = drain_started(node)
        return started is not None and self.now - started > self.settings.drain_timeout + _GRACE_PERIOD

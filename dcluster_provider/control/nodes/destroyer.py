"""Drains nodes and releases their machines, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from dcluster_provider.control.nodes.drainer import DrainProgress, NodeDrainer
from dcluster_provider.control.records import utc_now
from dcluster_provider.core.machines import Machine, MachineState

if TYPE_CHECKING:
    from dcluster_provider.core.cluster_nodes import ClusterNode
    from dcluster_provider.core.machines import DestroyRequest
    from dcluster_provider.nodes.base import Cloud
    from dcluster_provider.platforms.capabilities import ClusterNodes


@dataclass(frozen=True)
class DestroyProgress:
    """The progress of destroying nodes.

    :param released: the cloud's ids of the machines that are gone or being released.
    :param draining: what the others still wait for, by machine id.
    :param left: why machines were left as they are, by machine id.
    """

    released: tuple[str, ...] = ()
    draining: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        """Whether no node is draining any more."""
        return not self.draining

    def as_json(self) -> dict[str, Any]:
        """The progress as a JSON object, for triggers and XCom."""
        return {"released": list(self.released), "draining": self.draining, "left": self.left}

    def __str__(self) -> str:
        counts = f"{len(self.released)} nodes released, {len(self.draining)} draining, {len(self.left)} left"
        waiting = [f"{node_id}: {why}" for node_id, why in (self.draining | self.left).items()]
        return "; ".join([counts, *waiting[:5]])


class NodeDestroyer:
    """Drains nodes and releases their machines to the cloud.

    :param cluster: the nodes of Kubernetes; None means that there is nothing to drain.
    :param drain_timeout: after which a node with pods left is given up.
    :param conn_id: the connection. A machine of another connection that is no node here is left: it may be a node of
        another Kubernetes.
    """

    def __init__(
        self, cloud: Cloud, cluster: ClusterNodes | None, drain_timeout: timedelta, conn_id: str
    ) -> None:
        self._cloud = cloud
        self._conn_id = conn_id
        self._cluster = cluster
        self._draining = NodeDrainer(cluster, drain_timeout) if cluster is not None else None

    def step(self, request: DestroyRequest, begun: datetime | None = None) -> DestroyProgress:
        """Take the steps that are possible now for each machine; call it again until nothing is draining.

        :param begun: when the destruction was requested, see
            :meth:`~dcluster_provider.control.nodes.drainer.NodeDrainer.step`.
        :raises PlatformUnavailable: the cloud or Kubernetes does not answer; steps taken so far are kept.
        """
        region = self._cloud.region(request.region)
        # The cloud first: a machine that becomes a node in between is not taken for one that never did.
        known = {machine.id: machine for machine in self._cloud.machines(region)}
        requested = [known[node_id] for node_id in dict.fromkeys(request.node_ids) if node_id in known]
        gone = [it for it in requested if it.state in (MachineState.ENDING, MachineState.GONE)]
        there = [it for it in requested if it not in gone]
        nodes = nodes_of_machines(there, self._cluster.nodes() if self._cluster and there else [])
        left = {it: _unknown(region) for it in request.node_ids if it not in known}
        left |= {it.id: why for it in there if it.id not in nodes and (why := self._why_not_drained(it))}
        drained = self._drain(list(nodes.values()), begun)
        empty = [
            it.id
            for it in there
            if it.id not in left and (it.id not in nodes or nodes[it.id].name in drained.empty)
        ]
        released = self._cloud.terminate(empty, region) if empty else ()
        left |= {it: "its cloud did not release it" for it in empty if it not in released}
        return DestroyProgress(
            (*(it.id for it in gone), *released),
            _by_machine(nodes, drained.draining),
            left | _by_machine(nodes, drained.left),
        )

    def _why_not_drained(self, machine: Machine) -> str:
        """Why a machine cannot be drained because it is no node here; empty when there is nothing to drain."""
        if not machine.connection or machine.connection == self._conn_id:
            return ""
        return f"it is no node of this Kubernetes, and the connection {machine.connection!r} launched it; use that one"

    def _drain(self, nodes: list[ClusterNode], begun: datetime | None) -> DrainProgress:
        if self._draining is None or not nodes:
            return DrainProgress()
        return self._draining.step(nodes, utc_now(), begun)


def nodes_of_machines(machines: list[Machine], nodes: list[ClusterNode]) -> dict[str, ClusterNode]:
    """The node that each machine has become, by the machine's id."""
    by_provider = {node.provider_id: node for node in nodes if node.provider_id}
    return {it.id: by_provider[it.provider_id] for it in machines if it.provider_id in by_provider}


def _by_machine(nodes: dict[str, ClusterNode], by_name: dict[str, str]) -> dict[str, str]:
    return {machine: by_name[node.name] for machine, node in nodes.items() if node.name in by_name}


def _unknown(region: str) -> str:
    return (
        f"this deployment has no machine with this id in {region}: another one launched it, it is in another region, "
        "or it has been gone for a while"
    )

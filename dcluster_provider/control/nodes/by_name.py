"""Maintenance of Kubernetes nodes by name, whichever cloud their machines come from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from dcluster_provider.control.nodes.drainer import DrainProgress, NodeDrainer, drain_started, left_mark
from dcluster_provider.control.saving import utc_now
from dcluster_provider.core.cluster_nodes import ClusterNode
from dcluster_provider.core.errors import InvalidSpec, nearest
from dcluster_provider.platforms.nodes import ClusterNodes


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

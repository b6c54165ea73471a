"""Nodes of Kubernetes by their names, wherever their machines come from: for the maintenance of machines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from dcluster_provider.control.nodes.draining import Drained, Draining, drain_started, left_mark
from dcluster_provider.control.saving import utc_now
from dcluster_provider.core.cluster_nodes import ClusterNode
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.explain import nearest
from dcluster_provider.platforms.nodes import ClusterNodes


class NamedNodes:
    """Cordons, uncordons and drains nodes; their machines stay.

    :param drain_timeout: in which the pods of a node have to be gone before it is left.
    """

    def __init__(self, cluster: ClusterNodes | None, drain_timeout: timedelta) -> None:
        self._cluster = cluster
        self._drain_timeout = drain_timeout

    def cordon(self, names: Sequence[str]) -> tuple[str, ...]:
        """Let nodes take no new pods; what runs there stays. Returns the names of those that do not any more.

        :raises InvalidSpec: there is no node of a name; none was cordoned.
        """
        cluster = self._known()
        return tuple(node.name for node in self._named(cluster, names) if cluster.cordon(node))

    def uncordon(self, names: Sequence[str]) -> tuple[str, ...]:
        """Let nodes take new pods again; a drain that goes on is given up. Returns the names of those that do.

        :raises InvalidSpec: there is no node of a name; none was uncordoned.
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

    def drain_step(self, names: Sequence[str], begun: datetime | None = None) -> Drained:
        """Cordon nodes and evict what may be evicted now; to be repeated until nothing is draining.

        A node that is empty stays cordoned, for the work that it was emptied for.

        :param begun: see :meth:`~dcluster_provider.control.nodes.draining.Draining.step`.
        :raises InvalidSpec: there is no node of a name; none was touched.
        """
        cluster = self._known()
        nodes = self._named(cluster, names)
        draining = Draining(cluster, self._drain_timeout)
        drained = draining.step(nodes, utc_now(), begun)
        draining.finish([node for node in nodes if node.name in drained.empty])
        return drained

    def _known(self) -> ClusterNodes:
        if self._cluster is None:
            raise InvalidSpec(
                "clusters of this connection run on one machine, which is no node that could be cordoned or drained; "
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

"""Dedicated nodes: launched for one cluster and released with it (launchNewNode)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dcluster_provider.control.nodes.launcher import NodeLauncher
from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.identity import NODES_OF, derived_key
from dcluster_provider.core.machines import NodeRequest, for_pods, nodes_needed, pods_of
from dcluster_provider.core.record import ClusterState
from dcluster_provider.nodes.on_premises import OnPremises

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcluster_provider.control.settings import Settings
    from dcluster_provider.core.cluster_spec import ClusterSpec
    from dcluster_provider.core.machines import NodeOrder
    from dcluster_provider.core.record import Cluster
    from dcluster_provider.nodes.base import Cloud

_POLL_SECONDS = 10.0  # between two polls of the machines of one cluster, however often the cluster is polled


class DedicatedNodes:
    """Nodes for single clusters, labelled and tainted with the cluster's name so that only its pods run there.

    A cluster that requests none, and every cluster of a connection without a cloud, gets none.
    """

    def __init__(self, launching: NodeLauncher, cloud: Cloud, settings: NodeSettings) -> None:
        self._launching = launching
        self._cloud = cloud
        self._settings = settings
        self._polled_at: dict[int, float] = {}

    def are_for(self, spec: ClusterSpec) -> bool:
        """Whether a cluster with this specification gets dedicated nodes."""
        return spec.launch_new_node and self._settings.cloud_settings.can_launch

    def check(self, spec: ClusterSpec) -> None:
        """Reject a cluster whose dedicated nodes cannot be launched.

        :raises InvalidSpec: a field or setting is wrong or missing; the error names it.
        """
        if self.are_for(spec):
            self._launching.order(self._request(spec), "")

    def launch(self, cluster: Cluster, report: Callable[[str], None]) -> None:
        """Launch the missing nodes of a cluster; they join while its pods are pending.

        :raises NodesFailed: the cloud has no capacity; no machine is left.
        """
        if not self.are_for(cluster.spec):
            return
        launch = self._launching.launch(self._order(cluster))
        report(f"Nodes for {cluster}: {', '.join(launch.ids)}")

    def poll(self, cluster: Cluster) -> None:
        """Poll the nodes of a cluster that is not running yet, while they join.

        :raises NodesFailed: a machine ended, or did not join in time.
        """
        if not self.are_for(cluster.spec) or cluster.state is not ClusterState.PROVISIONING:
            self._polled_at.pop(cluster.id, None)
            return
        if time.monotonic() - self._polled_at.get(cluster.id, 0.0) < _POLL_SECONDS:
            return
        self._polled_at[cluster.id] = time.monotonic()
        self._launching.poll(self._order(cluster))

    def release(self, cluster: Cluster) -> None:
        """Release the nodes of a cluster, whatever their state."""
        if self.are_for(cluster.spec):
            self._polled_at.pop(cluster.id, None)
            self._launching.release(_key(cluster), "")

    def _order(self, cluster: Cluster) -> NodeOrder:
        label = {NODES_OF: cluster.name}
        taint = {"key": NODES_OF, "value": cluster.name, "effect": "NoSchedule"}
        request = self._request(cluster.spec)
        return self._launching.order(
            request, _key(cluster), cluster=cluster.name, labels=label, taints=(taint,)
        )

    def _request(self, spec: ClusterSpec) -> NodeRequest:
        types = self._settings.cluster_instance_types
        if not types:
            raise InvalidSpec(
                "field launchNewNode: the connection does not name the type of new nodes; name one or several in "
                "cluster_instance_types, or leave the field out"
            )
        region = self._cloud.region("")
        capacities = self._cloud.capacities(types, region)
        if types[0] not in capacities:
            raise InvalidSpec(
                f"field launchNewNode: the cloud does not know the instance type {types[0]!r} (cluster_instance_types "
                f"of the connection) in {region}"
            )
        required = capacities[types[0]]
        # An alternative type has to hold what was counted for the first type.
        others = [
            kind
            for kind in types[1:]
            if kind in capacities
            and capacities[kind].cpu >= required.cpu
            and capacities[kind].memory >= required.memory
        ]
        node = for_pods(required, self._settings.daemons)
        count = nodes_needed(pods_of(spec), node, types[0])
        return NodeRequest(node_count=count, instance_type=types[0], alternative_types=tuple(others))


def _key(cluster: Cluster) -> str:
    return derived_key(cluster.platform_key, f"nodes of generation {cluster.generation}")


def without_a_cloud(settings: Settings) -> DedicatedNodes:
    """Dedicated nodes of a connection without a cloud: none for any cluster."""
    cloud, nodes = OnPremises(settings.conn_id), NodeSettings()
    return DedicatedNodes(NodeLauncher(cloud, None, nodes, settings.deployment), cloud, nodes)

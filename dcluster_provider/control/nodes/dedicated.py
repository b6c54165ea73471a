"""The nodes that are launched for one cluster and go with it (launchNewNode)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dcluster_provider.control.nodes.launching import Launching
from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.identity import NODES_OF, derived_key
from dcluster_provider.core.node_count import for_pods, nodes_needed, pods_of
from dcluster_provider.core.node_spec import NodeRequest
from dcluster_provider.core.record import ClusterState
from dcluster_provider.nodes.on_premises import OnPremises

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcluster_provider.control.settings import Settings
    from dcluster_provider.core.machines import NodeOrder
    from dcluster_provider.core.record import Cluster
    from dcluster_provider.core.spec import ClusterSpec
    from dcluster_provider.nodes.base import Cloud

_POLL_SECONDS = 10.0  # between two looks at the machines of one cluster, however often it is looked at itself


class DedicatedNodes:
    """Nodes for single clusters: labelled and tainted with the cluster's name, so that its pods come there alone.

    A cluster that asks for none, and every cluster of a connection without a cloud, gets none.
    """

    def __init__(self, launching: Launching, cloud: Cloud, settings: NodeSettings) -> None:
        self._launching = launching
        self._cloud = cloud
        self._settings = settings
        self._looked: dict[int, float] = {}

    def are_for(self, spec: ClusterSpec) -> bool:
        """Whether nodes are launched for a cluster."""
        return spec.launch_new_node and self._settings.cloud_settings.can_launch

    def check(self, spec: ClusterSpec) -> None:
        """Refuse a cluster whose nodes cannot be launched.

        :raises InvalidSpec: naming the field, or what has to be configured.
        """
        if self.are_for(spec):
            self._launching.order(self._request(spec), "")

    def launch(self, cluster: Cluster, report: Callable[[str], None]) -> None:
        """Launch what is missing of a cluster's nodes; they join while its pods wait for them.

        :raises NodesFailed: the cloud has no such machines; nothing of them is left.
        """
        if not self.are_for(cluster.spec):
            return
        launch = self._launching.launch(self._order(cluster))
        report(f"Nodes for {cluster}: {', '.join(launch.ids)}")

    def look(self, cluster: Cluster) -> None:
        """Watch a cluster's nodes join while it is being made.

        :raises NodesFailed: a machine ended, or was too late.
        """
        if not self.are_for(cluster.spec) or cluster.state is not ClusterState.PROVISIONING:
            self._looked.pop(cluster.id, None)
            return
        if time.monotonic() - self._looked.get(cluster.id, 0.0) < _POLL_SECONDS:
            return
        self._looked[cluster.id] = time.monotonic()
        self._launching.look(self._order(cluster))

    def release(self, cluster: Cluster) -> None:
        """Give a cluster's nodes back."""
        if self.are_for(cluster.spec):
            self._looked.pop(cluster.id, None)
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
                "field launchNewNode: the connection does not say of which type new nodes are; name one or several in "
                "cluster_instance_types, or leave the field out"
            )
        region = self._cloud.region("")
        capacities = self._cloud.capacities(types, region)
        if types[0] not in capacities:
            raise InvalidSpec(
                f"field launchNewNode: the cloud does not know the instance type {types[0]!r} (cluster_instance_types "
                f"of the connection) in {region}"
            )
        wanted = capacities[types[0]]
        # What takes the place of the wanted type has to hold what was counted for it.
        others = [
            kind
            for kind in types[1:]
            if kind in capacities
            and capacities[kind].cpu >= wanted.cpu
            and capacities[kind].memory >= wanted.memory
        ]
        node = for_pods(wanted, self._settings.daemons)
        count = nodes_needed(pods_of(spec), node, types[0])
        return NodeRequest(node_count=count, instance_type=types[0], alternative_types=tuple(others))


def _key(cluster: Cluster) -> str:
    return derived_key(cluster.platform_key, f"nodes of generation {cluster.generation}")


def without_a_cloud(settings: Settings) -> DedicatedNodes:
    """No nodes for any cluster, as on a connection without a cloud."""
    cloud, nodes = OnPremises(settings.conn_id), NodeSettings()
    return DedicatedNodes(Launching(cloud, None, nodes, settings.deployment), cloud, nodes)

"""The use cases of nodes: launch, drain, destroy, record and clean up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dcluster_provider.control.nodes.clean_up import NodeCleanUp
from dcluster_provider.control.nodes.destroyer import DestroyProgress, NodeDestroyer
from dcluster_provider.control.nodes.drainer import DrainProgress, NamedNodes
from dcluster_provider.control.nodes.instances import check_instance, sync_instances
from dcluster_provider.control.nodes.launcher import NodeLaunch, NodeLauncher
from dcluster_provider.control.records import utc_now
from dcluster_provider.control.upkeep.report import MaintenanceReport
from dcluster_provider.control.waiting import wait_for
from dcluster_provider.core.identity import derived_key, fresh_key
from dcluster_provider.core.machines import DestroyRequest, NodeOrder, NodeRequest
from dcluster_provider.core.spec import parse
from dcluster_provider.platforms.base import silent

if TYPE_CHECKING:
    from dcluster_provider.control.settings import Settings
    from dcluster_provider.nodes.base import Cloud
    from dcluster_provider.platforms.capabilities import ClusterNodes
    from dcluster_provider.registry.store import Registry


class Nodes:
    """Launches, drains, destroys and records the nodes of one connection and their machines.

    :param cloud: where the machines come from.
    :param cluster: the nodes of Kubernetes; None when clusters run on this machine.
    """

    def __init__(
        self,
        registry: Registry,
        cloud: Cloud,
        cluster: ClusterNodes | None,
        settings: Settings,
    ) -> None:
        self._registry = registry
        self._cloud = cloud
        self._cluster = cluster
        self._settings = settings
        self._launching = NodeLauncher(
            cloud, cluster, settings.nodes, settings.deployment, lambda: registry.id
        )
        self._destroying = NodeDestroyer(cloud, cluster, settings.nodes.drain_timeout, settings.conn_id)
        self._named = NamedNodes(cluster, settings.nodes.drain_timeout)

    def check_launch(self, request: NodeRequest | dict[str, Any] | str) -> NodeRequest:
        """Check a request for nodes and return it parsed; nothing is launched.

        :raises InvalidSpec: the request is invalid, or no machine can be launched here.
        """
        request = parse(NodeRequest, request)
        self._launching.order(request, "")
        return request

    def check_destroy(self, request: DestroyRequest | dict[str, Any] | str) -> DestroyRequest:
        """Check a request to destroy nodes and return it parsed; nothing is destroyed.

        :raises InvalidSpec: the request is invalid, or no machine can be destroyed here.
        """
        request = parse(DestroyRequest, request)
        self._cloud.region(request.region)
        self._cloud.check_ids(request.node_ids)
        return request

    def launch(self, request: NodeRequest | dict[str, Any] | str, key: str | None = None) -> NodeLaunch:
        """Launch machines, and return without waiting; :meth:`poll_launch` follows them until they are ready nodes.

        :param request: a NodeRequest, a mapping with its fields, or JSON text.
        :param key: identifies the request, whose machines are launched once however often it is repeated; None means a
            new key.
        :raises InvalidSpec: the request is invalid, or no machine can be launched here.
        :raises NodesFailed: the cloud has no capacity.
        """
        return self._launching.launch(self._order(request, key or fresh_key()))

    def poll_launch(self, request: NodeRequest | dict[str, Any] | str, key: str) -> NodeLaunch:
        """Poll the machines of a request; those that are late are released.

        :raises NodesFailed: a machine ended, or was late.
        """
        return self._launching.poll(self._order(request, key))

    def wait_for_launch(
        self,
        request: NodeRequest | dict[str, Any] | str,
        key: str,
        timeout: float | None = None,
        poll_interval: float = 5.0,
        report: Callable[[str], None] = silent,
    ) -> NodeLaunch:
        """Poll until every machine of a request is a ready node.

        :param timeout: seconds; None means as long as the connection's own timeouts allow.
        :param poll_interval: seconds between two polls.
        :param report: called with a line for every change.
        :raises NodesFailed: a machine ended, or was late.
        :raises WaitTimeout: the timeout passed; the machines stay.
        """
        return wait_for(lambda: self.poll_launch(request, key), timeout, poll_interval, report)

    def undo_launch(self, request: NodeRequest | dict[str, Any] | str, key: str) -> tuple[str, ...]:
        """Release every machine of a request at once, whatever runs on it; returns their ids."""
        return self._launching.release(self._own(key), parse(NodeRequest, request).region)

    def destroy_step(
        self, request: DestroyRequest | dict[str, Any] | str, begun: datetime | None = None
    ) -> DestroyProgress:
        """Take the next steps to destroy nodes; call it again until nothing is draining.

        Any process may take any step, also several at once. Machines that are no nodes are released at once.

        :param begun: when the destruction was requested: nodes given up since then are not drained again. None skips
            those that were given up within the connection's drain_timeout.
        :raises InvalidSpec: an id is invalid, or no machine can be destroyed here.
        :raises PlatformUnavailable: the cloud or Kubernetes does not answer; steps taken so far are kept.
        """
        return self._destroying.step(self.check_destroy(request), begun)

    def wait_for_destroy(
        self,
        request: DestroyRequest | dict[str, Any] | str,
        timeout: float | None = None,
        poll_interval: float = 5.0,
        report: Callable[[str], None] = silent,
    ) -> DestroyProgress:
        """Destroy nodes, and poll until each is released or given up.

        :param timeout: seconds; None means as long as the connection's own timeouts allow.
        :param poll_interval: seconds between two polls.
        :param report: called with a line for every change.
        :raises InvalidSpec: an id is invalid, or no machine can be destroyed here.
        :raises WaitTimeout: the timeout passed.
        """
        begun = utc_now()
        return wait_for(lambda: self.destroy_step(request, begun), timeout, poll_interval, report)

    def destroy(
        self,
        node_ids: Sequence[str],
        region: str = "",
        timeout: float | None = None,
        poll_interval: float = 5.0,
    ) -> tuple[str, ...]:
        """Drain nodes and release their machines; blocks. :meth:`wait_for_destroy` also returns why others were left.

        :param node_ids: the cloud's ids of the machines.
        :param region: the cloud's region; empty means the connection's.
        :param timeout: seconds; None means as long as the connection's drain_timeout allows.
        :param poll_interval: seconds between two polls.
        :returns: the ids of the released machines.
        :raises InvalidSpec: an id is invalid, or no machine can be destroyed here.
        :raises WaitTimeout: the timeout passed.
        """
        request = {"node_ids": tuple(node_ids), "region": region}
        return self.wait_for_destroy(request, timeout, poll_interval).released

    def cordon(self, names: Sequence[str]) -> tuple[str, ...]:
        """Cordon nodes of Kubernetes: they take no new pods, and running pods stay.

        :param names: names of the nodes in Kubernetes.
        :returns: the names of the cordoned nodes.
        :raises InvalidSpec: a node does not exist, or there is no Kubernetes; nothing was changed.
        """
        return self._named.cordon(names)

    def uncordon(self, names: Sequence[str]) -> tuple[str, ...]:
        """Uncordon nodes of Kubernetes, which ends a drain in progress. See :meth:`cordon`."""
        return self._named.uncordon(names)

    def drain_step(self, names: Sequence[str], begun: datetime | None = None) -> DrainProgress:
        """Take the next steps to drain nodes of Kubernetes; call it again until nothing is draining.

        Empty nodes stay cordoned, and their machines stay.

        :param begun: when the drain was requested, see :meth:`destroy_step`.
        :raises InvalidSpec: a node does not exist, or there is no Kubernetes; nothing was changed.
        """
        return self._named.drain_step(names, begun)

    def drain(
        self,
        names: Sequence[str],
        timeout: float | None = None,
        poll_interval: float = 5.0,
        report: Callable[[str], None] = silent,
    ) -> DrainProgress:
        """Drain nodes of Kubernetes, and poll until each is empty or given up; see :meth:`drain_step`.

        :param timeout: seconds; None means as long as the connection's drain_timeout allows.
        :param poll_interval: seconds between two polls.
        :param report: called with a line for every change.
        :raises WaitTimeout: the timeout passed.
        """
        begun = utc_now()
        return wait_for(lambda: self.drain_step(names, begun), timeout, poll_interval, report)

    def instance_types(self, region: str = "") -> frozenset[str]:
        """The instance types that the cloud offers; none on a connection without a cloud."""
        return self._cloud.instance_types(self._cloud.region(region))

    def sync_instances(self, region: str = "") -> int:
        """Record every instance that the cloud lists, with what changed since the last time, and which are gone.

        :param region: the cloud's region; empty means the connection's.
        :returns: the number of instances.
        :raises CloudUnavailable: the listing is incomplete.
        """
        region = self._cloud.region(region)
        return sync_instances(self._registry, self._cloud, region, self._settings.conn_id)

    def record_instance(self, instance_id: str, info: dict[str, Any]) -> None:
        """Store what an instance reports of itself, in place of its earlier report.

        :param info: a JSON object of at most 65,536 characters.
        :raises InvalidSpec: the id or the information cannot be stored.
        """
        check_instance(instance_id, info)
        self._registry.instances.record(instance_id, info, utc_now())

    def clean_up(self, *, dry_run: bool = False) -> MaintenanceReport:
        """Find unused machines, and release those that an earlier run found unused; one run.

        :param dry_run: change nothing, and report what would be done.
        :raises PlatformUnavailable: the cloud, the nodes or the pods could not be listed completely; nothing was
            changed.
        """
        return NodeCleanUp(self._registry, self._cloud, self._cluster, self._settings).run(dry_run=dry_run)

    def _order(self, request: NodeRequest | dict[str, Any] | str, key: str) -> NodeOrder:
        return self._launching.order(parse(NodeRequest, request), self._own(key))

    def _own(self, key: str) -> str:
        """The key of a request, made unique across registries, whose tasks may have the same names."""
        return derived_key(key, f"registry {self._registry.id}")

"""Launching, destroying and remembering machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dcluster_provider.control.nodes.by_name import NamedNodes
from dcluster_provider.control.nodes.clean_up import CleanUp
from dcluster_provider.control.nodes.destroying import Destroyed, Destroying
from dcluster_provider.control.nodes.draining import Drained
from dcluster_provider.control.nodes.instances import check_instance, sync_instances
from dcluster_provider.control.nodes.launching import Launching, NodeLaunch
from dcluster_provider.control.nodes.progress import wait_for
from dcluster_provider.control.saving import utc_now
from dcluster_provider.control.upkeep.report import Report
from dcluster_provider.core.identity import derived_key, fresh_key
from dcluster_provider.core.machines import NodeOrder
from dcluster_provider.core.node_spec import DestroyRequest, NodeRequest
from dcluster_provider.core.spec import parse
from dcluster_provider.platforms.base import silent

if TYPE_CHECKING:
    from dcluster_provider.control.settings import Settings
    from dcluster_provider.nodes.base import Cloud
    from dcluster_provider.platforms.nodes import ClusterNodes
    from dcluster_provider.registry.store import Registry


class Nodes:
    """The machines of one connection.

    :param cloud: where they come from.
    :param cluster: the Kubernetes whose nodes they are; none when clusters run on this machine.
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
        self._launching = Launching(cloud, cluster, settings.nodes, settings.deployment, lambda: registry.id)
        self._destroying = Destroying(cloud, cluster, settings.nodes.drain_timeout, settings.conn_id)
        self._named = NamedNodes(cluster, settings.nodes.drain_timeout)

    def check_launch(self, request: NodeRequest | dict[str, Any] | str) -> NodeRequest:
        """The request, read and found possible; nothing is launched.

        :raises InvalidSpec: it cannot be accepted, or no machine can be launched here.
        """
        request = parse(NodeRequest, request)
        self._launching.order(request, "")
        return request

    def check_destroy(self, request: DestroyRequest | dict[str, Any] | str) -> DestroyRequest:
        """The request, read and found possible; nothing is destroyed.

        :raises InvalidSpec: it cannot be accepted, or no machine can be destroyed here.
        """
        request = parse(DestroyRequest, request)
        self._cloud.region(request.region)
        self._cloud.check_ids(request.node_ids)
        return request

    def launch(self, request: NodeRequest | dict[str, Any] | str, key: str | None = None) -> NodeLaunch:
        """Launch machines and return at once; :meth:`poll_launch` tells when they are nodes that are ready.

        :param request: a NodeRequest, a mapping with its fields, or JSON text.
        :param key: what makes the request the same request: its machines are launched once, however often it is
            made; none means a new one.
        :raises InvalidSpec: it cannot be accepted, or no machine can be launched here.
        :raises NodesFailed: the cloud has no such machines.
        """
        return self._launching.launch(self._order(request, key or fresh_key()))

    def poll_launch(self, request: NodeRequest | dict[str, Any] | str, key: str) -> NodeLaunch:
        """How far the machines of a request have got; those that are late are given back.

        :raises NodesFailed: a machine ended, or was too late.
        """
        return self._launching.look(self._order(request, key))

    def wait_for_launch(
        self,
        request: NodeRequest | dict[str, Any] | str,
        key: str,
        timeout: float | None = None,
        poll_interval: float = 5.0,
        report: Callable[[str], None] = silent,
    ) -> NodeLaunch:
        """Block until every machine of a request is a node that is ready.

        :param timeout: seconds; none means as long as the connection's own timeouts let it take.
        :param poll_interval: seconds between two looks.
        :param report: told of every change.
        :raises NodesFailed: a machine ended, or was too late.
        :raises WaitTimeout: the timeout passed; the machines stay.
        """
        return wait_for(lambda: self.poll_launch(request, key), timeout, poll_interval, report)

    def undo_launch(self, request: NodeRequest | dict[str, Any] | str, key: str) -> tuple[str, ...]:
        """Give back every machine of a request at once, whatever runs on it; returns their ids."""
        return self._launching.release(self._own(key), parse(NodeRequest, request).region)

    def destroy_step(
        self, request: DestroyRequest | dict[str, Any] | str, begun: datetime | None = None
    ) -> Destroyed:
        """Go on with the destruction of machines; to be repeated until nothing is draining any more.

        Any process may make any of the steps, several at once, too. Machines that are no nodes are given back at once.

        :param begun: when the destruction was asked for: machines that were left since are not tried again. None
            means that those are not which were left within the connection's drain_timeout.
        :raises InvalidSpec: an id cannot be accepted, or no machine can be destroyed here.
        :raises PlatformUnavailable: the cloud or Kubernetes could not be asked; nothing that was begun is lost.
        """
        return self._destroying.step(self.check_destroy(request), begun)

    def wait_for_destroy(
        self,
        request: DestroyRequest | dict[str, Any] | str,
        timeout: float | None = None,
        poll_interval: float = 5.0,
        report: Callable[[str], None] = silent,
    ) -> Destroyed:
        """Block until machines are given back, or left for a reason that is told.

        :param timeout: seconds; none means as long as the connection's own timeouts let it take.
        :param poll_interval: seconds between two looks.
        :param report: told of every change.
        :raises InvalidSpec: an id cannot be accepted, or no machine can be destroyed here.
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
        """Drain nodes and give their machines back; blocks. :meth:`wait_for_destroy` tells why others were left.

        :param node_ids: the cloud's ids of the machines.
        :param region: the cloud's region; empty means the connection's.
        :param timeout: seconds; none means as long as the connection's drain_timeout lets it take.
        :param poll_interval: seconds between two looks.
        :returns: the ids of those that are given back by it.
        :raises InvalidSpec: an id cannot be accepted, or no machine can be destroyed here.
        :raises WaitTimeout: the timeout passed.
        """
        request = {"node_ids": tuple(node_ids), "region": region}
        return self.wait_for_destroy(request, timeout, poll_interval).released

    def cordon(self, names: Sequence[str]) -> tuple[str, ...]:
        """Let nodes of Kubernetes take no new pods; what runs there stays.

        :param names: of the nodes in Kubernetes.
        :returns: those that take none any more.
        :raises InvalidSpec: there is no node of a name, or no Kubernetes; nothing was changed.
        """
        return self._named.cordon(names)

    def uncordon(self, names: Sequence[str]) -> tuple[str, ...]:
        """Let nodes of Kubernetes take new pods again; a drain that goes on is given up. See :meth:`cordon`."""
        return self._named.uncordon(names)

    def drain_step(self, names: Sequence[str], begun: datetime | None = None) -> Drained:
        """Go on with emptying nodes of Kubernetes; to be repeated until nothing is draining any more.

        Nodes that are empty stay cordoned, and their machines stay.

        :param begun: when the drain was asked for, see :meth:`destroy_step`.
        :raises InvalidSpec: there is no node of a name, or no Kubernetes; nothing was changed.
        """
        return self._named.drain_step(names, begun)

    def drain(
        self,
        names: Sequence[str],
        timeout: float | None = None,
        poll_interval: float = 5.0,
        report: Callable[[str], None] = silent,
    ) -> Drained:
        """Block until nodes of Kubernetes are empty, or left for a reason that is told; see :meth:`drain_step`.

        :param timeout: seconds; none means as long as the connection's drain_timeout lets it take.
        :param poll_interval: seconds between two looks.
        :param report: told of every change.
        :raises WaitTimeout: the timeout passed.
        """
        begun = utc_now()
        return wait_for(lambda: self.drain_step(names, begun), timeout, poll_interval, report)

    def instance_types(self, region: str = "") -> frozenset[str]:
        """The kinds of machines that can be asked for; none where machines come from no cloud."""
        return self._cloud.instance_types(self._cloud.region(region))

    def sync_instances(self, region: str = "") -> int:
        """Record every instance as the cloud describes it now, what has changed since the last time, and which went.

        :param region: the cloud's region; empty means the connection's.
        :returns: how many there are.
        :raises CloudUnavailable: the listing is not complete.
        """
        region = self._cloud.region(region)
        return sync_instances(self._registry, self._cloud, region, self._settings.conn_id)

    def record_instance(self, instance_id: str, info: dict[str, Any]) -> None:
        """Remember what an instance told of itself, in place of what it told before.

        :param info: a JSON object of at most 65,536 characters.
        :raises InvalidSpec: the id or the information cannot be stored.
        """
        check_instance(instance_id, info)
        self._registry.instances.record(instance_id, info, utc_now())

    def clean_up(self, *, dry_run: bool = False) -> Report:
        """Give back the machines that nothing has used for a while; one pass, which finds or gives back.

        :param dry_run: change nothing at all, and tell what would be done.
        :raises PlatformUnavailable: the cloud, the nodes or the pods could not be listed whole; nothing was changed.
        """
        return CleanUp(self._registry, self._cloud, self._cluster, self._settings).run(dry_run=dry_run)

    def _order(self, request: NodeRequest | dict[str, Any] | str, key: str) -> NodeOrder:
        return self._launching.order(parse(NodeRequest, request), self._own(key))

    def _own(self, key: str) -> str:
        """The key of a request that no other registry's request has, whose tasks may have the same names."""
        return derived_key(key, f"registry {self._registry.id}")

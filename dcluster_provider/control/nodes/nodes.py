"""Launching, destroying and remembering machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dcluster_provider.control.nodes.destroying import Destroyed
from dcluster_provider.control.nodes.launching import Launching, NodeLaunch
from dcluster_provider.control.nodes.progress import wait_for
from dcluster_provider.control.saving import utc_now
from dcluster_provider.control.upkeep.report import Notes, Report
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.fields import LONGEST_LINE
from dcluster_provider.core.identity import fresh_key
from dcluster_provider.core.machines import NodeOrder
from dcluster_provider.core.node_spec import DestroyRequest, NodeRequest
from dcluster_provider.core.spec import parse
from dcluster_provider.platforms.base import silent

if TYPE_CHECKING:
    from dcluster_provider.control.nodes.settings import NodeSettings
    from dcluster_provider.nodes.base import Cloud
    from dcluster_provider.platforms.nodes import ClusterNodes
    from dcluster_provider.registry.store import Registry

_LONGEST_INFO = 65_536  # characters of JSON


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
        settings: NodeSettings,
        deployment: str,
    ) -> None:
        self._registry = registry
        self._cloud = cloud
        self._launching = Launching(cloud, cluster, settings, deployment)

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
        """Launch machines and return at once; :meth:`look_at_launch` tells when they are nodes that are ready.

        :param request: a NodeRequest, a mapping with its fields, or JSON text.
        :param key: what makes the request the same request: its machines are launched once, however often it is
            made; none means a new one.
        :raises InvalidSpec: it cannot be accepted, or no machine can be launched here.
        :raises NodesFailed: the cloud has no such machines.
        """
        return self._launching.launch(self._order(request, key or fresh_key()))

    def look_at_launch(self, request: NodeRequest | dict[str, Any] | str, key: str) -> NodeLaunch:
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
        return wait_for(lambda: self.look_at_launch(request, key), timeout, poll_interval, report)

    def undo_launch(self, request: NodeRequest | dict[str, Any] | str, key: str) -> tuple[str, ...]:
        """Give back every machine of a request at once, whatever runs on it; returns their ids."""
        return self._launching.give_back(self._order(request, key))

    def destroy_step(self, request: DestroyRequest | dict[str, Any] | str) -> Destroyed:
        """Go on with the destruction of machines; to be repeated until nothing is draining any more.

        :raises InvalidSpec: an id cannot be accepted, or no machine can be destroyed here.
        """
        request = self.check_destroy(request)
        return Destroyed(self._cloud.terminate(request.node_ids, self._cloud.region(request.region)))

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
        return wait_for(lambda: self.destroy_step(request), timeout, poll_interval, report)

    def destroy(self, node_ids: list[str] | tuple[str, ...], region: str = "") -> tuple[str, ...]:
        """Drain nodes and give their machines back; blocks.

        :param node_ids: the cloud's ids of the machines.
        :param region: the cloud's region; empty means the connection's.
        :returns: the ids of those that are given back by it.
        :raises InvalidSpec: an id cannot be accepted, or no machine can be destroyed here.
        """
        return self.wait_for_destroy({"node_ids": tuple(node_ids), "region": region}).given_back

    def instance_types(self, region: str = "") -> frozenset[str]:
        """The kinds of machines that can be asked for; none where machines come from no cloud."""
        return self._cloud.instance_types(self._cloud.region(region))

    def sync_instances(self, region: str = "") -> int:
        """Record every machine as the cloud describes it now.

        :returns: how many there are.
        """
        count = 0
        for instance_id, info in self._cloud.list_instances(self._cloud.region(region)):
            self.record_instance(instance_id, info)
            count += 1
        return count

    def record_instance(self, instance_id: str, info: dict[str, Any]) -> None:
        """Remember what a machine told of itself, in place of what it told before.

        :param info: a JSON object of at most 65,536 characters.
        :raises InvalidSpec: the id or the information cannot be stored.
        """
        if not instance_id or len(instance_id) > LONGEST_LINE or not instance_id.isprintable():
            raise InvalidSpec(
                f"field instanceId: {instance_id[:40]!r} is not the id of an instance; write 1 to {LONGEST_LINE} "
                "printable characters"
            )
        if not isinstance(info, dict):
            raise InvalidSpec('field info: is not a JSON object; write one such as {"state": "running"}')
        try:
            size = len(json.dumps(info, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise InvalidSpec(f"field info: cannot be stored as JSON: {error}") from None
        if size > _LONGEST_INFO:
            raise InvalidSpec(f"field info: has {size} characters of JSON; the most is {_LONGEST_INFO}")
        self._registry.record_instance(instance_id, info, utc_now())

    def clean_up(self, *, dry_run: bool = False) -> Report:
        """Give back the machines that nothing has used for a while.

        :param dry_run: only tell what would be done.
        """
        notes = Notes("Node clean-up", dry_run)
        notes.saw("nodes", 0)
        return notes.report()

    def _order(self, request: NodeRequest | dict[str, Any] | str, key: str) -> NodeOrder:
        return self._launching.order(parse(NodeRequest, request), key)

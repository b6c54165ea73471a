"""Launching, destroying and remembering machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dcluster_provider.control.saving import utc_now
from dcluster_provider.control.upkeep.report import Notes, Report
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.fields import LONGEST_LINE
from dcluster_provider.core.identity import fresh_key
from dcluster_provider.core.node_spec import DestroyRequest, NodeRequest
from dcluster_provider.core.spec import parse
from dcluster_provider.nodes.base import NodeSource

if TYPE_CHECKING:
    from dcluster_provider.registry.store import Registry

_LONGEST_INFO = 65_536  # characters of JSON


class Nodes:
    """The machines of one connection."""

    def __init__(self, registry: Registry, source: NodeSource) -> None:
        self._registry = registry
        self._source = source

    def check_launch(self, request: NodeRequest | dict[str, Any] | str) -> NodeRequest:
        """The request, read and found possible; nothing is launched.

        :raises InvalidSpec: it cannot be accepted, or no machine can be launched here.
        """
        request = parse(NodeRequest, request)
        self._source.check_launch(request)
        return request

    def check_destroy(self, request: DestroyRequest | dict[str, Any] | str) -> DestroyRequest:
        """The request, read and found possible; nothing is destroyed.

        :raises InvalidSpec: it cannot be accepted, or no machine can be destroyed here.
        """
        request = parse(DestroyRequest, request)
        self._source.check_destroy(request)
        return request

    def launch(self, request: NodeRequest | dict[str, Any] | str, key: str | None = None) -> tuple[str, ...]:
        """Launch machines.

        :param request: a NodeRequest, a mapping with its fields, or JSON text.
        :param key: what makes the request the same request: its machines are launched once.
        :returns: their ids.
        :raises InvalidSpec: it cannot be accepted, or no machine can be launched here.
        """
        return self._source.launch(parse(NodeRequest, request), key or fresh_key())

    def destroy(self, node_ids: list[str] | tuple[str, ...], region: str = "") -> tuple[str, ...]:
        """Give machines back.

        :param node_ids: the cloud's ids of the machines.
        :param region: the cloud's region; empty means the connection's.
        :returns: the ids of those that are given back by it.
        :raises InvalidSpec: an id cannot be accepted, or no machine can be destroyed here.
        """
        return self._source.destroy(parse(DestroyRequest, {"node_ids": tuple(node_ids), "region": region}))

    def instance_types(self, region: str = "") -> frozenset[str]:
        """The kinds of machines that can be asked for; none where machines come from no cloud."""
        return self._source.instance_types(region)

    def sync_instances(self, region: str = "") -> int:
        """Record every machine as the cloud describes it now.

        :returns: how many there are.
        """
        count = 0
        for instance_id, info in self._source.list_instances(region):
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
        found, notes = self._source.clean_up(dry_run=dry_run), Notes("Node clean-up", dry_run)
        notes.saw("nodes", found.seen)
        for node_id, why in found.removed.items():
            notes.did("removed", f"node {node_id}", why)
        for node_id, why in found.left.items():
            notes.left(f"node {node_id}", why)
        return notes.report()

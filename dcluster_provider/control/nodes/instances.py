"""Records instances: those that a cloud lists, in batches, and what an instance reports of itself."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from dcluster_provider.control.records import utc_now
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.fields import LONGEST_LINE

if TYPE_CHECKING:
    from dcluster_provider.nodes.base import Cloud
    from dcluster_provider.registry.store import Registry

_BATCH = 500  # instances in one transaction
_LONGEST_INFO = 65_536  # characters of JSON


def sync_instances(registry: Registry, cloud: Cloud, region: str, conn_id: str) -> int:
    """Record every instance that a cloud lists in a region, and mark those as gone that it no longer lists.

    An incomplete listing records what it has listed, and marks none as gone.

    :param conn_id: the connection, which stands for the account.
    :returns: the number of listed instances.
    :raises CloudUnavailable: the listing is incomplete.
    """
    source = " ".join(part for part in (conn_id, cloud.name, region) if part)
    began = utc_now()
    listed = iter(cloud.list_instances(region))
    count = 0
    while batch := dict(islice(listed, _BATCH)):
        registry.instances.record_many(source, batch, utc_now())
        count += len(batch)
    registry.instances.record_gone(source, began, utc_now())
    return count


def check_instance(instance_id: str, info: dict[str, Any]) -> None:
    """Reject an instance's information that cannot be stored.

    :raises InvalidSpec: a field is wrong; the error names it.
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

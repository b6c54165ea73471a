"""Lists instances of EC2, from all pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dcluster_provider.nodes.ec2.clients import Ec2Clients
from dcluster_provider.nodes.ec2.reading import LaunchedInstance, read_instance
from dcluster_provider.nodes.ec2.tags import is_ours, tag_filters

_PAGE = 1000
_MAX_VALUES = 200  # of one filter


def descriptions(clients: Ec2Clients, region: str, filters: Sequence[Any] = ()) -> Iterator[dict[str, Any]]:
    """Every instance that passes the filters, as EC2 describes it.

    :raises CloudUnavailable: the listing is incomplete.
    """
    with clients.asking(region):
        pages = clients.client(region).get_paginator("describe_instances")
        for page in pages.paginate(Filters=list(filters), PaginationConfig={"PageSize": _PAGE}):
            for reservation in page["Reservations"]:
                yield from (dict(instance) for instance in reservation["Instances"])


def own_instances(
    clients: Ec2Clients, region: str, deployment: str, mark: str = ""
) -> list[LaunchedInstance]:
    """Every instance of a deployment in any state; those that ended stay listed for about an hour.

    :param mark: only instances of one order.
    """
    found = [
        read_instance(it, region)
        for it in descriptions(clients, region, tag_filters(deployment, mark))
        if is_ours(it, deployment)
    ]
    return [it for it in found if it.machine.mark == mark] if mark else found


def described(clients: Ec2Clients, region: str, instance_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """EC2's descriptions of these instances, whoever launched them; unknown ids are left out."""
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(instance_ids), _MAX_VALUES):
        values = list(instance_ids[start : start + _MAX_VALUES])
        for it in descriptions(clients, region, [{"Name": "instance-id", "Values": values}]):
            found[it["InstanceId"]] = it
    return found

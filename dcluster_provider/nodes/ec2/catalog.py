"""The regions of EC2, and the instance types that it offers in each, cached for an hour."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache
from threading import Lock
from typing import Any

from cachetools import TTLCache

from dcluster_provider.core.errors import InvalidSpec, nearest
from dcluster_provider.core.machines import Capacity
from dcluster_provider.core.sizing import MIB
from dcluster_provider.nodes.ec2.clients import Ec2Clients

_KEPT_SECONDS = 3600.0
_MAX_REGIONS = 64
_MAX_VALUES = 100


class Ec2Catalog:
    """Instance types by region; safe to use from several threads."""

    def __init__(self, clients: Ec2Clients, clock: Callable[[], float] = time.monotonic) -> None:
        self._clients = clients
        self._types: TTLCache[str, frozenset[str]] = TTLCache(_MAX_REGIONS, _KEPT_SECONDS, clock)
        self._capacities: TTLCache[str, dict[str, Capacity]] = TTLCache(_MAX_REGIONS, _KEPT_SECONDS, clock)
        self._lock = Lock()

    def instance_types(self, region: str) -> frozenset[str]:
        """The types that can be launched in a region, from all pages."""
        with self._lock:
            kept = self._types.get(region)
            if kept is None:
                kept = self._types[region] = self._ask_types(region)
            return kept

    def capacities(self, instance_types: Sequence[str], region: str) -> dict[str, Capacity]:
        """The capacity of instance types; unknown ones are left out."""
        with self._lock:
            kept = self._capacities.get(region)
            if kept is None:
                kept = self._capacities[region] = {}
            unknown = [it for it in dict.fromkeys(instance_types) if it not in kept]
            for start in range(0, len(unknown), _MAX_VALUES):
                kept |= self._ask_capacities(unknown[start : start + _MAX_VALUES], region)
            return {it: kept[it] for it in instance_types if it in kept}

    def _ask_types(self, region: str) -> frozenset[str]:
        with self._clients.asking(region):
            pages = self._clients.client(region).get_paginator("describe_instance_type_offerings")
            return frozenset(
                str(offer["InstanceType"])
                for page in pages.paginate(LocationType="region", PaginationConfig={"PageSize": 1000})
                for offer in page["InstanceTypeOfferings"]
            )

    def _ask_capacities(self, instance_types: list[str], region: str) -> dict[str, Capacity]:
        with self._clients.asking(region):
            pages = self._clients.client(region).get_paginator("describe_instance_types")
            # A filter leaves unknown types out; requested by name, one of them would fail the whole request.
            filters: list[Any] = [{"Name": "instance-type", "Values": instance_types}]
            return {
                str(it["InstanceType"]): Capacity(
                    it["VCpuInfo"]["DefaultVCpus"], it["MemoryInfo"]["SizeInMiB"] * MIB
                )
                for page in pages.paginate(Filters=filters, PaginationConfig={"PageSize": 100})
                for it in page["InstanceTypes"]
            }


def check_region(region: str, field: str) -> None:
    """Reject a region that AWS does not have, by botocore's own list, without a request.

    :param field: the field that names it, for the error.
    :raises InvalidSpec: the region is unknown; the error names the nearest one.
    """
    known = _regions()
    if known and region not in known:
        raise InvalidSpec(
            f"{field}: AWS has no region {region[:40]!r}{nearest(region, set(known))} (botocore knows the regions; "
            "one that is new may need a newer botocore)"
        )


@cache
def _regions() -> frozenset[str]:
    """Every region of every partition; none when botocore is missing, which the first call then reports."""
    try:
        from botocore.session import Session
    except ImportError:
        return frozenset()
    session = Session()
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition)
    )

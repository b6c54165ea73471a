"""The zones of the cluster's region, and the machine types in them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from cachetools import TTLCache

from dcluster_provider.core.errors import InvalidSpec, nearest
from dcluster_provider.core.machines import Capacity
from dcluster_provider.nodes.gke.api import GkeApi
from dcluster_provider.nodes.gke.faults import ResourceNotFound
from dcluster_provider.nodes.gke.settings import GkeSettings

if TYPE_CHECKING:
    from google.cloud import container_v1

_HOUR = 3600.0
_MAX_ANSWERS = 1000
_MEBIBYTE = 1024**2
_CUSTOM = re.compile(r"(?:[a-z0-9]+-)?custom-(\d{1,3})-(\d{3,8})(?:-ext)?")
_Answer = TypeVar("_Answer")


class GkeCatalog:
    """The zones and machine types of the cluster's region, requested at most once an hour."""

    def __init__(
        self, api: GkeApi, settings: GkeSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api, self._settings = api, settings
        self._answers: TTLCache[str, Any] = TTLCache(_MAX_ANSWERS, _HOUR, clock)

    def region(self, given: str) -> str:
        """The region or zone to use, where the cluster can have nodes.

        :raises InvalidSpec: no region or zone has this name, or the cluster has no nodes there.
        """
        zones = self._zones()
        requested = given or self._settings.location
        known = set(zones) | set(zones.values())
        if requested not in known:
            raise InvalidSpec(
                f"field region: Google has no region or zone {requested!r} for project {self._settings.project!r}"
                f"{nearest(requested, known)}"
            )
        home = zones.get(self._settings.location, self._settings.location)
        if zones.get(requested, requested) != home:
            raise InvalidSpec(
                f"field region: {requested!r} is not where the nodes of the {self._settings} can be; write {home!r}, "
                f"one of its zones ({', '.join(sorted(zone for zone in zones if zones[zone] == home))}), or nothing"
            )
        return requested

    def zones_of(self, location: str) -> tuple[str, ...]:
        """The zones of a region; a zone stands for itself."""
        zones = self._zones()
        return (
            (location,) if location in zones else tuple(sorted(it for it in zones if zones[it] == location))
        )

    def zones_for(self, location: str, instance_type: str = "") -> tuple[str, ...]:
        """The zones in which machines are tried, in order.

        :param instance_type: leave out zones without it, unless none has it.
        """
        if location in self._zones() and location != self._settings.location:
            zones: tuple[str, ...] = (location,)
        else:
            zones = self._settings.zones or tuple(self.cluster().locations)
        having = tuple(it for it in zones if self._has(it, instance_type)) if instance_type else zones
        return having or zones

    def cluster(self) -> container_v1.Cluster:
        """The cluster of the connection.

        :raises InvalidSpec: the cluster does not exist.
        """
        return self._cached("cluster", self._read_cluster)

    def instance_types(self, location: str) -> frozenset[str]:
        """The machine types in any of the zones in which machines are tried."""
        return frozenset(name for zone in self.zones_for(location) for name in self._types(zone))

    def require_type(self, name: str, location: str) -> None:
        """Reject a machine type that is not offered.

        :raises InvalidSpec: the type is unknown; the error names the nearest one.
        """
        known = self.instance_types(location)
        if name not in known and not _CUSTOM.fullmatch(name):
            zones = ", ".join(self.zones_for(location))
            raise InvalidSpec(
                f"field instanceType: there is no machine type {name!r} in {zones}{nearest(name, set(known))}"
            )

    def capacity(self, name: str, location: str) -> Capacity | None:
        """The capacity of a machine type; None when it is unknown."""
        for zone in self.zones_for(location):
            if name in self._types(zone):
                return self._types(zone)[name]
        custom = _CUSTOM.fullmatch(name)
        return Capacity(float(custom[1]), int(custom[2]) * _MEBIBYTE) if custom else None

    def _has(self, zone: str, instance_type: str) -> bool:
        return instance_type in self._types(zone) or bool(_CUSTOM.fullmatch(instance_type))

    def _types(self, zone: str) -> dict[str, Capacity]:
        return self._cached(
            f"types of {zone}",
            lambda: {
                it["name"]: Capacity(float(it["guestCpus"]), int(it["memoryMb"]) * _MEBIBYTE)
                for it in self._api.machine_types(zone)
            },
        )

    def _zones(self) -> dict[str, str]:
        return self._cached(
            "zones", lambda: {it["name"]: it["region"].rpartition("/")[2] for it in self._api.zones()}
        )

    def _read_cluster(self) -> container_v1.Cluster:
        try:
            return self._api.cluster()
        except ResourceNotFound as error:
            near = nearest(self._settings.cluster, self._api.cluster_names())
            raise InvalidSpec(f"field gke_cluster: there is no {self._settings}{near}") from error

    def _cached(self, name: str, ask: Callable[[], _Answer]) -> _Answer:
        answer = self._answers.get(name)
        if answer is None:
            answer = self._answers[name] = ask()
        return cast("_Answer", answer)

"""The cloud GKE, behind the protocol of clouds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

from dcluster_provider.core.errors import CloudUnavailable, InvalidSpec
from dcluster_provider.core.machines import Capacity, Machine, MachineState, NodeOrder
from dcluster_provider.nodes.gke import naming
from dcluster_provider.nodes.gke.api import GkeApi, described_instances
from dcluster_provider.nodes.gke.catalog import GkeCatalog
from dcluster_provider.nodes.gke.fleet import Pool, parse_time, read_pools
from dcluster_provider.nodes.gke.node_pool_resize import NodePoolResize
from dcluster_provider.nodes.gke.pools import candidates
from dcluster_provider.nodes.gke.removal import release
from dcluster_provider.nodes.gke.settings import GkeSettings

_MAX_TYPES = 60
_MAX_STEPS = 3  # of one launch; the second releases surplus machines
_NAMES_ASKED = 20  # the most names in one filter


class Gke:
    """The machines of a connection to GKE; see :class:`~dcluster_provider.nodes.base.Cloud`.

    Each order has node pools of its own, made by :mod:`~dcluster_provider.nodes.gke.node_pool_resize`.

    :param conn_id: the ``dcluster`` connection, for errors.
    :param api: the two APIs of Google.
    """

    name = "gke"

    def __init__(self, conn_id: str, settings: GkeSettings, api: GkeApi) -> None:
        self._conn_id = conn_id
        self._settings = settings
        self._api = api
        self._catalog = GkeCatalog(api, settings)

    def region(self, given: str) -> str:
        """The cluster's location, its region, or one of the region's zones, to have machines only there.

        :raises InvalidSpec: no region or zone has this name (the error names the nearest), or the cluster has no nodes
            there.
        """
        return self._catalog.region(given)

    def check_order(self, order: NodeOrder) -> None:
        """Reject an order that cannot be launched.

        :raises InvalidSpec: a field is wrong; the error names it and the nearest valid value.
        """
        if order.count > naming.MAX_SLOTS:
            raise InvalidSpec(
                f"field nodeCount: {order.count} is more than the {naming.MAX_SLOTS} machines that a node pool of GKE "
                "holds in a zone; request fewer, several times"
            )
        if len(candidates(order, self._settings)) > 2 * _MAX_TYPES:
            raise InvalidSpec(
                f"field alternativeTypes: with those of the connection there are more than {_MAX_TYPES} kinds"
            )
        if self._catalog.cluster().autopilot.enabled:
            raise InvalidSpec(
                f"connection {self._conn_id!r}: the {self._settings} is an Autopilot cluster, which makes its nodes by "
                "itself, as pods need them; leave out launchNewNode, or name a Standard cluster"
            )
        for name in order.instance_types:
            self._catalog.require_type(name, order.region)

    def check_ids(self, machine_ids: Sequence[str]) -> None:
        """Reject what cannot be the name of an instance that is a node of GKE.

        :raises InvalidSpec: a name is invalid; the error has the first one.
        """
        for text in machine_ids:
            if not naming.is_machine_id(text):
                raise InvalidSpec(
                    f"field nodeIds: {text[:80]!r} is not the name of a node of GKE; write the instance's name alone, "
                    "such as 'gke-analytics-dc-0f1e2d3c-a1b2c3d4-d000'"
                )

    def launch(self, order: NodeOrder) -> tuple[Machine, ...]:
        """Take the next step for the machines of an order: create the pool, grow it, or try the next candidate.

        :returns: every live machine; a future one is ``ORDERED``.
        :raises NodesFailed: GKE has no capacity; machines launched in vain are released.
        :raises CloudUnavailable: GKE does not answer now, or is busy with the cluster.
        """
        growing = NodePoolResize(
            self._api, self._settings, order, lambda kind: self._catalog.zones_for(order.region, kind)
        )
        pools = growing.pools()
        live: list[Machine] = []
        for _ in range(_MAX_STEPS):
            if growing.step(pools):
                pools = growing.pools()
            live = [it for it in self._visible(pools, order.region) if it.state.is_live]
            if len(live) <= order.count:
                break
        if len(live) < order.count:
            raise CloudUnavailable(
                f"{self._settings}: {order.count - len(live)} of {order.count} machines are not listed yet; retry later"
            )
        return tuple(live)

    def machines(self, region: str, *, mark: str = "") -> list[Machine]:
        """Every machine of this deployment, including future ones (``ORDERED``).

        :raises CloudUnavailable: the listing is incomplete.
        """
        return self._visible(read_pools(self._api, self._settings, region, mark), region)

    def terminate(self, machine_ids: Sequence[str], region: str) -> tuple[str, ...]:
        """Release machines through their groups, which shrink by exactly them; an empty pool is deleted.

        :returns: the ids of the machines that are released, or gone.
        """
        zones = self._catalog.zones_of(region)
        chosen_ids = set(machine_ids)
        pools = read_pools(self._api, self._settings, region)
        done = release(self._api, pools, chosen_ids, zones)
        known = {it.id for pool in pools for _, it in pool.machines}
        known |= {
            it for pool in pools for it in chosen_ids if it.startswith(naming.placeholder(pool.name, ""))
        }
        unknown = chosen_ids - done - known
        done |= unknown - self._existing(sorted(unknown), zones)
        return tuple(it for it in machine_ids if it in done)

    def instance_types(self, region: str) -> frozenset[str]:
        """The machine types of the zones in which machines are tried; requested at most once an hour."""
        return self._catalog.instance_types(region)

    def capacities(self, instance_types: Sequence[str], region: str) -> dict[str, Capacity]:
        """The capacity of machine types, including custom ones; unknown ones are left out."""
        found = {name: self._catalog.capacity(name, region) for name in instance_types}
        return {name: capacity for name, capacity in found.items() if capacity is not None}

    def list_instances(self, region: str) -> Iterable[tuple[str, dict[str, Any]]]:
        """The name and description of every instance of the project in a region, page by page."""
        return described_instances(self._api, set(self._catalog.zones_of(region)))

    def _existing(self, names: Sequence[str], zones: Sequence[str]) -> set[str]:
        """The names that instances of other owners have."""
        found: set[str] = set()
        for start in range(0, len(names), _NAMES_ASKED):
            condition = " OR ".join(f'(name = "{it}")' for it in names[start : start + _NAMES_ASKED])
            for zone in zones:
                found |= {it["name"] for it in self._api.instances(zone, condition)}
        return found

    def _visible(self, pools: Sequence[Pool], region: str) -> list[Machine]:
        zones = set(self._catalog.zones_of(region))
        found = [it for pool in pools for group, it in pool.machines if group.zone in zones]
        latest = {pool.mark: pool for pool in pools if not pool.is_ending}
        for pool in latest.values():
            if not pool.machines and zones & set(pool.zones):
                live = sum(it.mark == pool.mark and it.state.is_live for it in found)
                found += self._ordered(pool, region, pool.count - live)
        return found

    def _ordered(self, pool: Pool, region: str, count: int) -> list[Machine]:
        """Placeholders for the machines of a pool that has not grown yet."""
        begun = max((it.created_at for it in pool.groups), default=None) or self._begun(pool)
        ids = [naming.placeholder(pool.name, slot) for slot in naming.slots(max(0, count))]
        return [
            Machine(
                id=it,
                provider_id=f"gce://{self._settings.project}/{pool.zones[0]}/{it}",
                state=MachineState.ORDERED,
                instance_type=pool.instance_type,
                region=region,
                launched_at=begun,
                mark=pool.mark,
                cluster=pool.cluster,
                reason=pool.message,
                connection=pool.connection,
                registry_id=pool.registry_id,
            )
            for it in ids
        ]

    def _begun(self, pool: Pool) -> datetime:
        """When GKE began to create a pool that has no groups yet."""
        making = [
            it.start_time
            for it in self._api.operations()
            if it.operation_type.name == "CREATE_NODE_POOL" and it.target_link.endswith(f"/{pool.name}")
        ]
        return parse_time(max(making)) if making else datetime.now(timezone.utc)

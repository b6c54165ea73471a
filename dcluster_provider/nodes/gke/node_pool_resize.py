"""Makes machines of an order, step by step, in whichever process takes the next step.

An order has a node pool of its own for each machine type that is tried, created empty, so that neither a lack of
capacity nor a killed process leaves anything that costs money. GKE accepts a pool's name once. An existing pool grows
through the instance group of one zone after the other, with names that follow from the machine's position in the order:
a group accepts each name once, so two processes at once create the same machines. All state is in the cloud: the newest
pool is the one that grows, and a zone that has failed keeps its failed machines until the next one has been requested.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcluster_provider.core.diagnosis import Diagnosis, DiagnosisCode, NodeCode
from dcluster_provider.core.errors import CloudUnavailable, NodesFailed, PlatformRefused, nearest
from dcluster_provider.core.machines import Machine, MachineState, NodeOrder
from dcluster_provider.nodes.gke import naming
from dcluster_provider.nodes.gke.api import GkeApi
from dcluster_provider.nodes.gke.faults import GkeCode, RequestRejected, ResourceExists, ResourceNotFound
from dcluster_provider.nodes.gke.fleet import Group, Pool, read_pools
from dcluster_provider.nodes.gke.pools import candidates, node_pool
from dcluster_provider.nodes.gke.removal import delete_if_empty, delete_machines
from dcluster_provider.nodes.gke.settings import GkeSettings

if TYPE_CHECKING:
    from google.cloud import container_v1


@dataclass(frozen=True)
class NodePoolResize:
    """Grows the pools of one order.

    :param zones: the zones of a machine type, in the order in which they are tried.
    """

    api: GkeApi
    settings: GkeSettings
    order: NodeOrder
    zones: Callable[[str], Sequence[str]]

    def pools(self) -> list[Pool]:
        """The pools of the order that are not being deleted, the newest at the end."""
        pools = read_pools(self.api, self.settings, self.order.region, self.order.mark)
        return [it for it in pools if not it.is_ending]

    def step(self, pools: list[Pool]) -> bool:
        """Take the steps that are possible now for the missing machines of the order.

        :param pools: the pools of the order in their current state.
        :returns: whether anything was done.
        :raises NodesFailed: no candidate has capacity; machines launched in vain are released.
        :raises CloudUnavailable: a temporary condition prevents the next step.
        """
        if not pools:
            self._create(0)
            return True
        live = [it for pool in pools for it in pool.made if it[1].state.is_live]
        missing = self.order.count - len(live)
        done = missing > 0 and self._grow(pools, missing)
        vain = [it for pool in pools for it in pool.present if it[1].state is MachineState.ORDERED]
        vain += _youngest(live, -missing)
        delete_machines(self.api, vain)
        for pool in pools[:-1]:
            if not pool.made:
                done = delete_if_empty(self.api, pool) or done
        return done or bool(vain)

    def _grow(self, pools: list[Pool], missing: int) -> bool:
        current = pools[-1]
        if current.status == "ERROR":
            self._try_next(pools, current.message)
            return True
        if current.is_making or not current.groups:
            return False
        groups = self._in_order(current)
        used = [index for index, group in enumerate(groups) if any(it[0] == group for it in current.present)]
        last = max(used, default=0)
        failures = [
            it for group, it in current.present if group == groups[last] and it.state is MachineState.ORDERED
        ]
        if not failures:
            self._add(current, groups[last], missing)
        elif last + 1 < len(groups):
            self._add(current, groups[last + 1], missing)
        else:
            self._try_next(pools, *dict.fromkeys(it.reason for it in failures))
        return True

    def _add(self, pool: Pool, group: Group, missing: int) -> None:
        taken = {it.id for where, it in pool.machines if where == group}
        names = [f"{group.base}-{slot}" for slot in naming.slots(self.order.count)]
        free = [name for name in names if name not in taken][:missing]
        if len(free) < missing:
            raise CloudUnavailable(
                f"{self.settings}: {missing - len(free)} machines of an earlier attempt are still being deleted; their "
                "names are free once they are gone, so retry later"
            )
        try:
            self.api.create_instances(group.zone, group.name, free)
        except ResourceExists:
            return  # another process was first, with the same result
        except ResourceNotFound:
            raise CloudUnavailable(
                f"{self.settings}: the node pool {pool.name} is being deleted; retry later"
            ) from None
        except RequestRejected as error:
            raise self._failed(
                NodeCode.REQUEST_REJECTED, "GKE's instance group refuses to grow.", str(error)
            ) from error

    def _try_next(self, pools: list[Pool], *why: str) -> None:
        index = pools[-1].candidate + 1
        if index < len(candidates(self.order, self.settings)):
            try:
                self._create(index)
            except NodesFailed:
                self._release(pools)
                raise
            return
        self._release(pools)
        tried = ", ".join(str(it) for it in candidates(self.order, self.settings))
        zones = ", ".join(dict.fromkeys(group.zone for pool in pools for group in pool.groups))
        raise self._failed(
            NodeCode.NO_CAPACITY,
            f"None of {tried} has capacity in {zones or self.order.region}; what was launched in vain was released.",
            *why,
        )

    def _release(self, pools: list[Pool]) -> None:
        for pool in pools:
            delete_machines(self.api, pool.present)
            delete_if_empty(self.api, pool)

    def _create(self, index: int) -> None:
        candidate = candidates(self.order, self.settings)[index]
        name = naming.pool_name(self.order.mark, index)
        zones = self.zones(candidate.instance_type)
        pool = node_pool(self.order, self.settings, index, zones, self._template())
        try:
            self.api.create_node_pool(pool)
        except ResourceExists:
            self._require_ours(name)
        except RequestRejected as error:
            raise self._failed(
                GkeCode.POOL_REFUSED, f"GKE refuses a node pool of {candidate}.", str(error)
            ) from error

    def _require_ours(self, name: str) -> None:
        ours = read_pools(self.api, self.settings, self.order.region, self.order.mark)
        found = next((it for it in ours if it.name == name), None)
        if found is not None and found.is_ending:
            raise CloudUnavailable(
                f"{self.settings}: the node pool {name} of an earlier attempt is still being deleted; retry later"
            )
        if found is None and name in {it.name for it in self.api.node_pools()}:
            raise PlatformRefused(
                str(self.settings),
                Diagnosis(
                    GkeCode.POOL_NAME_TAKEN,
                    f"There is a node pool {name} without the labels of this deployment.",
                    f"Find out who created it; if it is unused, delete it: gcloud container node-pools delete {name}.",
                ),
            )

    def _template(self) -> container_v1.NodePool | None:
        template = self.settings.template_pool
        if not template:
            return None
        found = {it.name: it for it in self.api.node_pools()}
        if template not in found:
            raise PlatformRefused(
                str(self.settings),
                Diagnosis(
                    GkeCode.TEMPLATE_MISSING,
                    f"There is no node pool {template!r}{nearest(template, set(found))}",
                    "Correct the field gke_template_pool of the connection, or leave it empty.",
                    (f"node pools: {', '.join(sorted(found)[:20])}",),
                ),
            )
        return found[template]

    def _in_order(self, pool: Pool) -> list[Group]:
        order = {zone: index for index, zone in enumerate(self.zones(pool.instance_type))}
        return sorted(pool.groups, key=lambda it: (order.get(it.zone, len(order)), it.zone))

    def _failed(self, code: DiagnosisCode, cause: str, *evidence: str) -> NodesFailed:
        return NodesFailed(
            f"{self.order.count} nodes of type {self.order.instance_types[0]}",
            Diagnosis(
                code,
                cause,
                "Name further machine types (alternativeTypes, or gke_alternatives of the connection) or zones "
                "(gke_zones), have the quota raised if the lines above name one, or try again later.",
                tuple(it for it in evidence if it),
            ),
        )


def _youngest(live: list[tuple[Group, Machine]], count: int) -> list[tuple[Group, Machine]]:
    """Release the surplus machines of a process that acted on an outdated state; the older ones stay."""
    if count <= 0:
        return []
    # Machines that GKE names itself exist while it replaces others.
    named = [it for it in live if naming.slot_of(it[1].id)]
    return sorted(named, key=lambda it: (it[1].launched_at, it[1].provider_id))[-count:]

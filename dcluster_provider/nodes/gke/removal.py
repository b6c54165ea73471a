"""Releases chosen machines, and the pools that become empty."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from dcluster_provider.core.errors import CloudUnavailable
from dcluster_provider.core.machines import Machine, MachineState
from dcluster_provider.nodes.gke import naming
from dcluster_provider.nodes.gke.api import GkeApi
from dcluster_provider.nodes.gke.faults import ResourceNotFound
from dcluster_provider.nodes.gke.fleet import Group, Pool

_BATCH = 50  # the most instances that one request deletes


def delete_machines(api: GkeApi, machines: Iterable[tuple[Group, Machine]]) -> None:
    """Delete machines through their groups, which shrink by them."""
    chosen: dict[Group, list[str]] = {}
    for group, machine in machines:
        if machine.state is not MachineState.ENDING:
            chosen.setdefault(group, []).append(machine.id)
    for group, names in chosen.items():
        for start in range(0, len(names), _BATCH):
            try:
                api.delete_instances(group.zone, group.name, names[start : start + _BATCH])
            except ResourceNotFound:
                break  # the whole group is gone


def delete_if_empty(api: GkeApi, pool: Pool) -> bool:
    """Delete a pool unless it has machines that are neither ending nor were just deleted.

    An empty pool costs nothing, so one that GKE is too busy to delete may stay for a later run.

    :returns: whether it is being deleted, or gone.
    """
    for zone, group in pool.group_names:
        try:
            managed = api.managed(zone, group)
        except ResourceNotFound:
            continue
        if any(it.get("currentAction") not in ("DELETING", "ABANDONING") for it in managed):
            return False
    try:
        api.delete_node_pool(pool.name)
    except ResourceNotFound:
        return True
    except CloudUnavailable:
        return False
    return True


def release(api: GkeApi, pools: Sequence[Pool], chosen_ids: set[str], zones: Collection[str]) -> set[str]:
    """Delete chosen machines, and the pools of orders that have none left.

    :param pools: every pool of the deployment, with the machines of every zone.
    :param chosen_ids: ids of machines, or of ``ORDERED`` ones.
    :param zones: the zones outside of which nothing is touched.
    :returns: the ids of the released machines.
    """
    done: set[str] = set()
    touched: list[Pool] = []
    keeping: set[str] = set()  # marks of the orders that keep machines
    for pool in pools:
        chosen = [it for it in pool.machines if it[0].zone in zones and _ids(pool, it[1]) & chosen_ids]
        delete_machines(api, chosen)
        done |= {it for _, machine in chosen for it in _ids(pool, machine)} & chosen_ids
        open_ids = _open_ids(pool, chosen_ids)
        if pool.made:
            done |= open_ids  # it has grown since, and its placeholders are gone
        if chosen or open_ids:
            touched.append(pool)
        if any(it not in chosen for it in pool.present):
            keeping.add(pool.mark)
    ended = {pool.mark for pool in touched} - keeping
    for pool in pools:
        if (pool in touched or pool.mark in ended) and (pool.is_ending or delete_if_empty(api, pool)):
            done |= _open_ids(pool, chosen_ids)
    return done


def _ids(pool: Pool, machine: Machine) -> set[str]:
    slot = naming.slot_of(machine.id)
    return {machine.id, naming.placeholder(pool.name, slot)} if slot else {machine.id}


def _open_ids(pool: Pool, chosen_ids: set[str]) -> set[str]:
    return {it for it in chosen_ids if it.startswith(naming.placeholder(pool.name, ""))}

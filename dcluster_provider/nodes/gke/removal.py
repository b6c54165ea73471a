"""Giving machines and pools back: those that are chosen and no other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from dcluster_provider.core.errors import CloudUnavailable
from dcluster_provider.core.machines import Machine, MachineState
from dcluster_provider.nodes.gke import naming
from dcluster_provider.nodes.gke.api import GkeApi
from dcluster_provider.nodes.gke.faults import ResourceNotFound
from dcluster_provider.nodes.gke.fleet import Group, Pool

_BATCH = 50  # instances that one request deletes


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

    An empty pool costs nothing, so one that GKE is too busy to delete may stay for a later pass.

    :returns: whether it is deleted, or gone.
    """
    for zone, group in pool.places:
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


def release(api: GkeApi, pools: Sequence[Pool], wanted: set[str], zones: Collection[str]) -> set[str]:
    """Delete the wanted machines, and the pools of orders that have none left.

    :param pools: every pool of the deployment, with the machines of every zone.
    :param wanted: ids of machines, or of those that were still to be made when they were told.
    :param zones: outside of which nothing is touched.
    :returns: the ids of those that are given back.
    """
    done: set[str] = set()
    touched: list[Pool] = []
    keeping: set[str] = set()  # marks of the orders that keep machines
    for pool in pools:
        chosen = [it for it in pool.machines if it[0].zone in zones and _ids(pool, it[1]) & wanted]
        delete_machines(api, chosen)
        done |= {it for _, machine in chosen for it in _ids(pool, machine)} & wanted
        open_ids = _open_ids(pool, wanted)
        if pool.made:
            done |= open_ids  # it has been grown since, and what stood for these has gone again
        if chosen or open_ids:
            touched.append(pool)
        if any(it not in chosen for it in pool.present):
            keeping.add(pool.mark)
    ended = {pool.mark for pool in touched} - keeping
    for pool in pools:
        if (pool in touched or pool.mark in ended) and (pool.is_ending or delete_if_empty(api, pool)):
            done |= _open_ids(pool, wanted)
    return done


def _ids(pool: Pool, machine: Machine) -> set[str]:
    slot = naming.slot_of(machine.id)
    return {machine.id, naming.placeholder(pool.name, slot)} if slot else {machine.id}


def _open_ids(pool: Pool, wanted: set[str]) -> set[str]:
    return {it for it in wanted if it.startswith(naming.placeholder(pool.name, ""))}

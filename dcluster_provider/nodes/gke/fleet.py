"""The node pools of a deployment and the machines in them, as they are just now."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from dcluster_provider.core.machines import Machine, MachineState
from dcluster_provider.nodes.gke import naming
from dcluster_provider.nodes.gke.api import GkeApi, Json
from dcluster_provider.nodes.gke.faults import ResourceNotFound
from dcluster_provider.nodes.gke.settings import GkeSettings

if TYPE_CHECKING:
    from google.cloud import container_v1

_FRACTION = re.compile(r"\.(\d+)")
_MAKING = {"CREATING", "CREATING_WITHOUT_RETRIES", "RECREATING"}
_LEAVING = {"DELETING", "ABANDONING"}
_STARTING = {"", "PENDING", "PROVISIONING", "STAGING", "REPAIRING"}


@dataclass(frozen=True)
class Group:
    """The part of a pool that is in one zone.

    :param base: what the names of its machines begin with.
    """

    zone: str
    name: str
    base: str
    created_at: datetime


@dataclass(frozen=True)
class Pool:
    """A node pool of ours, which serves one order.

    :param candidate: the place of its kind of machine among those of the order.
    :param count: how many machines the order is for.
    :param zones: where it has its machines.
    :param places: zone and name of every group that it has, those that cannot be seen yet, too.
    :param machines: those that it has, is making or deleting. One that cannot be made just now is ``ORDERED``.
    """

    name: str
    mark: str
    cluster: str
    connection: str
    registry_id: str
    candidate: int
    count: int
    instance_type: str
    status: str
    message: str = ""
    zones: tuple[str, ...] = ()
    places: tuple[tuple[str, str], ...] = ()
    groups: tuple[Group, ...] = ()
    machines: tuple[tuple[Group, Machine], ...] = ()

    @property
    def is_making(self) -> bool:
        """Whether it is being made, and so has no groups that can be grown."""
        return self.status in ("PROVISIONING", "STATUS_UNSPECIFIED")

    @property
    def is_ending(self) -> bool:
        """Whether it is being deleted with all that is in it."""
        return self.status == "STOPPING"

    @property
    def present(self) -> list[tuple[Group, Machine]]:
        """Its machines but those that are ending."""
        return [it for it in self.machines if it[1].state is not MachineState.ENDING]

    @property
    def made(self) -> list[tuple[Group, Machine]]:
        """Its machines but those that are ending, or cannot be made just now."""
        return [it for it in self.present if it[1].state is not MachineState.ORDERED]


def read_pools(api: GkeApi, settings: GkeSettings, region: str, mark: str = "") -> list[Pool]:
    """Every pool of the deployment with the machines of all its zones, in the order in which an order's were made.

    :param region: that is asked in, for the machines.
    :param mark: only the pools of one order.
    :raises CloudUnavailable: the listing is not complete.
    """
    found = [
        pool
        for pool in api.node_pools()
        if naming.is_ours(pool.config.resource_labels, settings.deployment)
        and mark in ("", pool.config.resource_labels[naming.MARK])
    ]
    reader = _Reader(api, settings, region)
    return sorted((reader.read(pool) for pool in found), key=lambda it: (it.mark, it.candidate))


class _Reader:
    """Reads pools, and each zone at most once.

    :param region: that is asked in.
    """

    def __init__(self, api: GkeApi, settings: GkeSettings, region: str) -> None:
        self._api, self._settings, self._region = api, settings, region
        self._groups: dict[str, dict[str, Json]] = {}
        self._instances: dict[str, dict[str, Json]] = {}

    def read(self, pool: container_v1.NodePool) -> Pool:
        labels = pool.config.resource_labels
        read = Pool(
            name=pool.name,
            mark=labels[naming.MARK],
            cluster=labels.get(naming.CLUSTER, ""),
            connection=self._connection(labels.get(naming.CONNECTION, "")),
            registry_id=labels.get(naming.REGISTRY, ""),
            candidate=_number(labels.get(naming.CANDIDATE, "")),
            count=_number(labels.get(naming.COUNT, "")),
            instance_type=pool.config.machine_type,
            status=pool.status.name,
            zones=tuple(pool.locations),
            message="; ".join([it.message for it in pool.conditions if it.message] or [pool.status_message]),
        )
        places = tuple(_place(url) for url in pool.instance_group_urls)
        groups: list[Group] = []
        machines: list[tuple[Group, Machine]] = []
        for zone, name in places:
            listed = self._groups_of(zone).get(name)
            if listed is None:
                continue  # it is being made, or has been deleted just now
            group = Group(zone, name, listed["baseInstanceName"], parse_time(listed["creationTimestamp"]))
            groups.append(group)
            machines += [(group, self._machine(it, group, read)) for it in self._managed(listed, group)]
        return replace(read, places=places, groups=tuple(groups), machines=tuple(machines))

    def _connection(self, told: str) -> str:
        ours = self._settings.connection
        return ours if told == naming.label(ours) else told  # not every id is a label as it is

    def _groups_of(self, zone: str) -> dict[str, Json]:
        if zone not in self._groups:
            self._groups[zone] = {it["name"]: it for it in self._api.groups(zone)}
        return self._groups[zone]

    def _managed(self, listed: Json, group: Group) -> list[Json]:
        actions: Json = listed.get("currentActions", {})
        if not listed.get("targetSize") and not any(actions.values()):
            return []
        try:
            return self._api.managed(group.zone, group.name)
        except ResourceNotFound:
            return []

    def _instance(self, zone: str, name: str) -> Json | None:
        if zone not in self._instances:
            ours = naming.label(self._settings.deployment)
            listed = self._api.instances(zone, f'labels.{naming.DEPLOYMENT}="{ours}"')
            self._instances[zone] = {it["name"]: it for it in listed}
        return self._instances[zone].get(name)

    def _machine(self, managed: Json, group: Group, pool: Pool) -> Machine:
        name = managed.get("instance", "").rpartition("/")[2] or managed["name"]
        state, reason = _state(managed)
        instance = self._instance(group.zone, name)
        # One that its group has not begun to make has no time yet: it is as young as can be.
        at = parse_time(instance["creationTimestamp"]) if instance else datetime.now(timezone.utc)
        return Machine(
            id=name,
            provider_id=f"gce://{self._settings.project}/{group.zone}/{name}",
            state=MachineState.ENDING if pool.is_ending else state,
            instance_type=pool.instance_type,
            region=self._region,
            launched_at=at,
            mark=pool.mark,
            cluster=pool.cluster,
            reason=reason,
            connection=pool.connection,
            registry_id=pool.registry_id,
        )


def _state(managed: Json) -> tuple[MachineState, str]:
    action, status = managed.get("currentAction", ""), managed.get("instanceStatus", "")
    errors = managed.get("lastAttempt", {}).get("errors", {}).get("errors", ())
    reason = "; ".join(f"{it.get('code')}: {it.get('message', '')}" for it in errors)
    if action in _LEAVING:
        return MachineState.ENDING, reason
    if action in _MAKING and reason and not status:
        return MachineState.ORDERED, reason
    if status == "RUNNING":
        return MachineState.RUNNING, ""
    if status in _STARTING:
        return MachineState.STARTING, reason
    return MachineState.STOPPED, reason or status


def _place(url: str) -> tuple[str, str]:
    parts = url.split("/")
    return parts[parts.index("zones") + 1], parts[-1]


def parse_time(text: str) -> datetime:
    """A time as Google's APIs write it, with up to nine digits of a second."""
    digits = _FRACTION.search(text)
    if digits:  # Python 3.10 reads three of them or six
        text = text.replace(digits[0], f".{digits[1][:6]:0<6}")
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0

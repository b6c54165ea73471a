"""The node pools of a deployment and their machines, in their current state."""

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
    """The part of a pool in one zone.

    :param base: the prefix of its machines' names.
    """

    zone: str
    name: str
    base: str
    created_at: datetime


@dataclass(frozen=True)
class Pool:
    """A node pool of this deployment, which serves one order.

    :param candidate: the index of its machine type among the candidates of the order.
    :param count: the number of machines in the order.
    :param zones: where it has its machines.
    :param group_names: zone and name of every group that it has, including those that are not visible yet.
    :param machines: those that it has, is creating or deleting. One that cannot be created now is ``ORDERED``.
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
    group_names: tuple[tuple[str, str], ...] = ()
    groups: tuple[Group, ...] = ()
    machines: tuple[tuple[Group, Machine], ...] = ()

    @property
    def is_making(self) -> bool:
        """Whether it is being created, and so has no groups that can grow."""
        return self.status in ("PROVISIONING", "STATUS_UNSPECIFIED")

    @property
    def is_ending(self) -> bool:
        """Whether it is being deleted with everything in it."""
        return self.status == "STOPPING"

    @property
    def present(self) -> list[tuple[Group, Machine]]:
        """Its machines, except those that are ending."""
        return [it for it in self.machines if it[1].state is not MachineState.ENDING]

    @property
    def made(self) -> list[tuple[Group, Machine]]:
        """Its machines, except those that are ending or cannot be created now."""
        return [it for it in self.present if it[1].state is not MachineState.ORDERED]


def read_pools(api: GkeApi, settings: GkeSettings, region: str, mark: str = "") -> list[Pool]:
    """Every pool of the deployment with the machines of all its zones; those of an order are oldest first.

    :param region: region of the machines.
    :param mark: only the pools of one order.
    :raises CloudUnavailable: the listing is incomplete.
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

    :param region: region of the machines.
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
        group_names = tuple(_zone_and_name(url) for url in pool.instance_group_urls)
        groups: list[Group] = []
        machines: list[tuple[Group, Machine]] = []
        for zone, name in group_names:
            listed = self._groups_of(zone).get(name)
            if listed is None:
                continue  # it is being created, or has just been deleted
            group = Group(zone, name, listed["baseInstanceName"], parse_time(listed["creationTimestamp"]))
            groups.append(group)
            machines += [(group, self._machine(it, group, read)) for it in self._managed(listed, group)]
        return replace(read, group_names=group_names, groups=tuple(groups), machines=tuple(machines))

    def _connection(self, label: str) -> str:
        ours = self._settings.connection
        return ours if label == naming.label(ours) else label  # not every id is a label as it is

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
        # A machine that its group has not begun to create has no time yet: it counts as just launched.
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


def _zone_and_name(url: str) -> tuple[str, str]:
    parts = url.split("/")
    return parts[parts.index("zones") + 1], parts[-1]


def parse_time(text: str) -> datetime:
    """A time in the format of Google's APIs, with up to nine digits of a second."""
    digits = _FRACTION.search(text)
    if digits:  # Python 3.10 reads three of them or six
        text = text.replace(digits[0], f".{digits[1][:6]:0<6}")
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0

"""A project of Google Cloud in memory: one GKE cluster, its node pools, and Compute Engine below them.

Time passes with requests: what takes a while at Google's takes some requests here. Nothing is random.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from threading import RLock
from typing import Any

from google.cloud import container_v1
from nodes.gke.orders import CLUSTER, PROJECT, REGION

ZONES = {
    "europe-west1-b": "europe-west1",
    "europe-west1-c": "europe-west1",
    "europe-west1-d": "europe-west1",
    "europe-west4-a": "europe-west4",
    "us-central1-a": "us-central1",
}
TYPES = {
    "n2-standard-4": (4, 16384),
    "n2-standard-8": (8, 32768),
    "e2-standard-4": (4, 16384),
    "c3-highmem-22": (22, 180224),
}
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_POOL_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_LABEL = re.compile(r"[a-z0-9_-]{0,63}")
POOL_TICKS, INSTANCE_TICKS, DELETE_TICKS, OPERATION_TICKS = 6, 3, 5, 2


class Problem(Exception):
    """An error of the API: its canonical name and what it says."""

    def __init__(self, code: str, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.reason = code, message, reason


@dataclass
class Vm:
    name: str
    zone: str
    labels: dict[str, str] = field(default_factory=dict)
    status: str = "RUNNING"
    machine_type: str = "n2-standard-4"
    created: datetime = field(default_factory=lambda: datetime.now(timezone.utc))


@dataclass
class Member:
    """A managed instance: its name, and the action that its group has for it."""

    name: str
    since: int
    action: str = "CREATING"
    error: str = ""


@dataclass
class Mig:
    name: str
    zone: str
    base: str
    pool: str
    machine_type: str
    spot: bool
    labels: dict[str, str]
    created: datetime
    members: dict[str, Member] = field(default_factory=dict)


@dataclass
class FakePool:
    proto: container_v1.NodePool
    since: int


@dataclass
class ZoneOperation:
    name: str
    kind: str
    since: int


class FakeGoogle:
    """The state, and what each request does to it.

    :ivar frozen: whether time stands still.
    :ivar capacity: machines that a zone still has of a type, by type and zone; without an entry there is no end.
    :ivar shortage: the code and message of what is missing then.
    :ivar exclusive: whether GKE does one thing at a time to the cluster.
    :ivar forbidden: methods that the account may not call, with the permission that is missing.
    :ivar requests: the name of every method that was called, in order.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self.now = 0
        self.frozen = False
        self.requests: list[str] = []
        self.pools: dict[str, FakePool] = {}
        self.migs: dict[tuple[str, str], Mig] = {}
        self.vms: dict[tuple[str, str], Vm] = {}
        self.gke_operations: list[container_v1.Operation] = []
        self.zone_operations: dict[str, ZoneOperation] = {}
        self.capacity: dict[tuple[str, str], int] = {}
        self.shortage = ("ZONE_RESOURCE_POOL_EXHAUSTED", "The zone does not have enough resources available.")
        self.exclusive = True
        self.autopilot = False
        self.forbidden: dict[str, str] = {}
        self.unreachable: list[str] = []
        self.page_size = 50
        self.made: list[str] = []
        self._serial = 0

    def called(self, method: str) -> None:
        """Let time pass, and refuse what the account may not do."""
        self.requests.append(method)
        if not self.frozen:
            self.now += 1
            self._advance()
        if method in self.forbidden:
            permission = self.forbidden[method]
            raise Problem(
                "PERMISSION_DENIED",
                f"Required '{permission}' permission for 'projects/{PROJECT}'.",
                "forbidden",
            )

    # --- GKE ---

    def create_pool(self, pool: container_v1.NodePool) -> container_v1.Operation:
        self._check_pool(pool)
        if pool.name in self.pools:
            raise Problem(
                "ALREADY_EXISTS",
                f"Already exists: projects/{PROJECT}/clusters/{CLUSTER}/nodePools/{pool.name}.",
            )
        self._require_idle()
        made = container_v1.NodePool(pool)
        made.status = container_v1.NodePool.Status.PROVISIONING
        self.pools[pool.name] = FakePool(made, self.now)
        return self._begin("CREATE_NODE_POOL", pool.name)

    def delete_pool(self, name: str) -> container_v1.Operation:
        if name not in self.pools:
            raise Problem("NOT_FOUND", f"Not found: node pool {name}.")
        self._require_idle()
        pool = self.pools[name]
        pool.proto.status, pool.since = container_v1.NodePool.Status.STOPPING, self.now
        return self._begin("DELETE_NODE_POOL", name)

    def _check_pool(self, pool: container_v1.NodePool) -> None:
        config = pool.config
        refusals = [
            (not _POOL_NAME.fullmatch(pool.name), f"Invalid value for field node_pool.name: {pool.name!r}"),
            (
                config.machine_type not in TYPES and "custom" not in config.machine_type,
                "Invalid machine type",
            ),
            (not pool.locations, "locations missing"),
            (
                any(ZONES.get(it) != REGION for it in pool.locations),
                "locations are not in the cluster's region",
            ),
            (any("kubernetes.io/" in it for it in config.labels), "label uses a reserved prefix"),
            (
                any(not _LABEL.fullmatch(v) for v in config.resource_labels.values()),
                f"Invalid resource label: {dict(config.resource_labels)}",
            ),
            (self.autopilot, "Autopilot clusters do not support node pools."),
        ]
        for is_wrong, message in refusals:
            if is_wrong:
                raise Problem("INVALID_ARGUMENT", message)

    def _require_idle(self) -> None:
        running = [it for it in self.gke_operations if it.status == it.Status.RUNNING]
        if running and self.exclusive:
            raise Problem(
                "FAILED_PRECONDITION",
                f"Operation {running[0].name} is currently working on cluster {CLUSTER}. Please wait and try again "
                "once it is done.",
            )

    def _begin(self, kind: str, pool: str) -> container_v1.Operation:
        self._serial += 1
        operation = container_v1.Operation(
            name=f"operation-{self._serial}",
            operation_type=container_v1.Operation.Type[kind],
            status=container_v1.Operation.Status.RUNNING,
            target_link=f"https://container.invalid/v1/projects/{PROJECT}/zones/{REGION}/clusters/{CLUSTER}/nodePools/{pool}",
            start_time=datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"),
        )
        self.gke_operations.append(operation)
        return operation

    # --- Compute Engine ---

    def create_instances(self, zone: str, group: str, names: list[str]) -> ZoneOperation:
        mig = self._mig(zone, group)
        for name in names:
            if not _NAME.fullmatch(name):
                raise Problem(
                    "INVALID_ARGUMENT", f"Invalid value for field 'instances[].name': {name!r}", "invalid"
                )
        taken = [name for name in names if name in mig.members or (zone, name) in self.vms]
        if taken:
            raise Problem("ALREADY_EXISTS", f"The resource {taken[0]!r} already exists", "alreadyExists")
        for name in names:
            mig.members[name] = Member(name, self.now)
            self.made.append(f"{zone}/{name}")
        return self._zone_operation("createInstances")

    def delete_instances(self, zone: str, group: str, urls: list[str], *, lenient: bool) -> ZoneOperation:
        mig = self._mig(zone, group)
        names = [url.rpartition("/")[2] for url in urls]
        if any(url != f"zones/{zone}/instances/{name}" for url, name in zip(urls, names, strict=True)):
            raise Problem("INVALID_ARGUMENT", f"Invalid instance URL among {urls}", "invalid")
        strangers = [name for name in names if name not in mig.members]
        if strangers and not lenient:
            raise Problem("INVALID_ARGUMENT", f"{strangers[0]} is not a member of {group}", "invalid")
        for name in set(names) - set(strangers):
            member = mig.members[name]
            if member.action != "DELETING":
                member.action, member.since = "DELETING", self.now
        return self._zone_operation("deleteInstances")

    def managed(self, zone: str, group: str) -> list[tuple[Member, Vm | None]]:
        mig = self._mig(zone, group)
        return [(it, self.vms.get((zone, it.name))) for it in mig.members.values()]

    def _mig(self, zone: str, group: str) -> Mig:
        if (zone, group) not in self.migs:
            raise Problem(
                "NOT_FOUND", f"The resource 'instanceGroupManagers/{group}' was not found", "notFound"
            )
        return self.migs[zone, group]

    def _zone_operation(self, kind: str) -> ZoneOperation:
        self._serial += 1
        operation = ZoneOperation(f"operation-{self._serial}", kind, self.now)
        self.zone_operations[operation.name] = operation
        return operation

    # --- time ---

    def _advance(self) -> None:
        for name, pool in list(self.pools.items()):
            status, age = pool.proto.status.name, self.now - pool.since
            if status == "PROVISIONING" and age >= POOL_TICKS:
                self._finish_pool(pool.proto)
            elif status == "STOPPING" and age >= DELETE_TICKS:
                self._remove_pool(name)
        for mig in self.migs.values():
            for member in list(mig.members.values()):
                self._advance_member(mig, member)

    def _finish_pool(self, pool: container_v1.NodePool) -> None:
        pool.status = container_v1.NodePool.Status.RUNNING
        for zone in pool.locations:
            digest = hashlib.sha256(f"{pool.name} {zone}".encode()).hexdigest()[:8]
            base = f"gke-{CLUSTER}-{pool.name[:30]}-{digest}"
            mig = Mig(
                f"{base}-grp",
                zone,
                base,
                pool.name,
                pool.config.machine_type,
                pool.config.spot,
                {**pool.config.resource_labels, "goog-k8s-node-pool-name": pool.name},
                datetime.now(timezone.utc),
            )
            self.migs[zone, mig.name] = mig
            pool.instance_group_urls.append(
                f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/zones/{zone}/instanceGroupManagers/{mig.name}"
            )
        self._end_operation(pool.name)

    def _remove_pool(self, name: str) -> None:
        for key, mig in list(self.migs.items()):
            if mig.pool == name:
                for member in mig.members:
                    self.vms.pop((mig.zone, member), None)
                del self.migs[key]
        del self.pools[name]
        self._end_operation(name)

    def _end_operation(self, pool: str) -> None:
        for operation in self.gke_operations:
            if operation.target_link.endswith(f"/{pool}"):
                operation.status = container_v1.Operation.Status.DONE

    def _advance_member(self, mig: Mig, member: Member) -> None:
        age, key = self.now - member.since, (mig.zone, member.name)
        if member.action == "DELETING" and age >= DELETE_TICKS:
            self.vms.pop(key, None)
            del mig.members[member.name]
        elif member.action == "CREATING" and age >= INSTANCE_TICKS and key not in self.vms:
            if self._take(mig):
                self.vms[key] = Vm(member.name, mig.zone, dict(mig.labels), "STAGING", mig.machine_type)
                member.error = ""
            else:
                member.error = self.shortage[0]
        elif member.action == "CREATING" and age >= 2 * INSTANCE_TICKS and key in self.vms:
            member.action, self.vms[key].status = "NONE", "RUNNING"

    def _take(self, mig: Mig) -> bool:
        key = (f"{mig.machine_type} spot" if mig.spot else mig.machine_type, mig.zone)
        if key not in self.capacity:
            return True
        self.capacity[key] -= 1
        if self.capacity[key] < 0:
            self.capacity[key] = 0
            return False
        return True

    # --- what tests set up and look at ---

    def add_vm(self, name: str, zone: str, labels: dict[str, str] | None = None) -> None:
        self.vms[zone, name] = Vm(name, zone, labels or {})

    def add_pool(self, name: str, labels: dict[str, str], count: int, zones: list[str]) -> list[str]:
        """A pool that is there, with machines that run, ours or not."""
        config = container_v1.NodeConfig(machine_type="n2-standard-4", resource_labels=labels)
        pool = container_v1.NodePool(name=name, locations=zones, config=config)
        self.pools[name] = FakePool(pool, self.now)
        self._finish_pool(pool)
        names = []
        for mig in [it for it in self.migs.values() if it.pool == name]:
            for number in range(count):
                vm = f"{mig.base}-d{number:03d}"
                mig.members[vm] = Member(vm, self.now, "NONE")
                self.vms[mig.zone, vm] = Vm(vm, mig.zone, dict(mig.labels))
                names.append(vm)
        return names

    def age(self, seconds: float) -> None:
        """Let all that is there be older."""
        for vm in self.vms.values():
            vm.created -= timedelta(seconds=seconds)
        for mig in self.migs.values():
            mig.created -= timedelta(seconds=seconds)

    def set_all(self, status: str, action: str) -> None:
        """Let every machine of a group be at the same point."""
        for mig in self.migs.values():
            for member in mig.members.values():
                member.action, self.vms[mig.zone, member.name].status = action, status

    def snapshot(self) -> dict[str, Any]:
        """Every instance with its status, and what its group is about to do with it."""
        actions = {
            (mig.zone, it.name): it.action for mig in self.migs.values() for it in mig.members.values()
        }
        return {
            f"{zone}/{name}": (vm.status, actions.get((zone, name))) for (zone, name), vm in self.vms.items()
        }

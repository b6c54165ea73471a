"""Launches the machines of a request, and polls them until they are ready nodes of Kubernetes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from dcluster_provider.control.records import utc_now
from dcluster_provider.core.diagnosis import Diagnosis, NodeCode
from dcluster_provider.core.errors import CloudUnavailable, InvalidSpec, NodesFailed
from dcluster_provider.core.machines import Machine, MachineState, NodeOrder
from dcluster_provider.platforms.base import no_registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcluster_provider.control.nodes.settings import NodeSettings
    from dcluster_provider.core.cluster_nodes import ClusterNode
    from dcluster_provider.core.machines import NodeRequest
    from dcluster_provider.nodes.base import Cloud
    from dcluster_provider.platforms.capabilities import ClusterNodes

_RETRY_SECONDS = 60.0
STARTING, JOINING, NOT_READY, READY = "starting", "joining", "not ready", "ready"


@dataclass(frozen=True)
class NodeLaunch:
    """The progress of launching the machines of a request.

    :param requested: the number of machines requested.
    :param stages: the stage of each machine by its id: ``starting``, ``joining`` (it runs and is no node yet), ``not
        ready`` or ``ready``. Without a Kubernetes a machine that runs is ready.
    """

    requested: int
    stages: dict[str, str] = field(default_factory=dict)

    @property
    def ids(self) -> tuple[str, ...]:
        """The cloud's ids of the machines, in the order of the cloud."""
        return tuple(self.stages)

    @property
    def is_finished(self) -> bool:
        """Whether every requested machine is a ready node."""
        return len(self.stages) >= self.requested and set(self.stages.values()) <= {READY}

    def as_json(self) -> dict[str, Any]:
        """The progress as a JSON object, for triggers and XCom."""
        return {"ids": list(self.stages), "requested": self.requested, "stages": self.stages}

    def __str__(self) -> str:
        counted = {
            stage: list(self.stages.values()).count(stage) for stage in (STARTING, JOINING, NOT_READY, READY)
        }
        stages = ", ".join(f"{count} {stage}" for stage, count in counted.items() if count)
        return f"{len(self.stages)} of {self.requested} nodes: {stages or 'none yet'}"


class NodeLauncher:
    """Launches the machines of requests and polls them until they have joined Kubernetes."""

    def __init__(
        self,
        cloud: Cloud,
        cluster: ClusterNodes | None,
        settings: NodeSettings,
        deployment: str,
        registry_id: Callable[[], str] = no_registry,
    ) -> None:
        self._cloud = cloud
        self._cluster = cluster
        self._settings = settings
        self._deployment = deployment
        self._registry_id = registry_id

    def order(
        self,
        request: NodeRequest,
        key: str,
        *,
        cluster: str = "",
        labels: dict[str, str] | None = None,
        taints: tuple[dict[str, str], ...] = (),
    ) -> NodeOrder:
        """The order that a request makes of the cloud, after checking that it is possible.

        :param key: identifies the request.
        :param cluster: name of the cluster that the nodes are for.
        :param labels: labels of the nodes.
        :param taints: taints of the nodes.
        :raises InvalidSpec: a field is wrong; the error names it, and the nearest valid value.
        """
        if request.node_count > self._settings.max_nodes:
            raise InvalidSpec(
                f"field nodeCount: {request.node_count} is more than the {self._settings.max_nodes} nodes that one "
                "request may have; request fewer, or raise max_nodes of the connection"
            )
        types = (request.instance_type, *request.alternative_types)
        region = self._cloud.region(request.region)
        order = NodeOrder(
            self.mark(key),
            request.node_count,
            types,
            region,
            cluster,
            labels or {},
            taints,
            self._registry_id(),
        )
        self._cloud.check_order(order)
        return order

    def mark(self, key: str) -> str:
        """The mark that identifies the machines of a request.

        :param key: unique across registries.
        """
        return hashlib.sha256(f"{self._deployment}\n{key}".encode()).hexdigest()[:32]

    def launch(self, order: NodeOrder) -> NodeLaunch:
        """Launch the missing machines of an order, and return its progress.

        A cloud that throttles is called again for a minute: the same order never launches a machine twice.

        :raises NodesFailed: the cloud has no capacity; machines launched in vain are released.
        :raises CloudUnavailable: the cloud does not answer.
        """
        from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

        asking = Retrying(
            retry=retry_if_exception_type(CloudUnavailable),
            stop=stop_after_delay(_RETRY_SECONDS),
            wait=wait_random_exponential(multiplier=1, max=10),
            reraise=True,
        )
        return self._stages(order, asking(self._cloud.launch, order))

    def poll(self, order: NodeOrder) -> NodeLaunch:
        """Poll the machines of an order, and take the next step of a launch that needs several.

        A machine that ended is not replaced. One that is late is released, so that a retry of the request launches
        another.

        :raises NodesFailed: a machine ended, was late, or is out of capacity.
        """
        machines = self._cloud.machines(order.region, mark=order.mark)
        if _needs_another_call(machines, order):
            machines = list(self._cloud.launch(order))
        live = [machine for machine in machines if machine.state.is_live]
        launch = self._stages(order, live)
        if len(live) < order.count:
            raise NodesFailed(
                f"{order.count} nodes of type {order.instance_types[0]}", _ended(machines, order)
            )
        late = {
            machine: why for machine in live if (why := self._lateness(machine, launch.stages[machine.id]))
        }
        if late:
            self._cloud.terminate([machine.id for machine in late], order.region)
            raise NodesFailed(
                f"{order.count} nodes of type {order.instance_types[0]}", _too_late(late, self._settings)
            )
        return launch

    def release(self, key: str, region: str) -> tuple[str, ...]:
        """Release every machine of a request that is no longer needed; returns their ids.

        :param region: the cloud's region; empty means the connection's.
        """
        region = self._cloud.region(region)
        machines = self._cloud.machines(region, mark=self.mark(key))
        requested = [it.id for it in machines if it.state not in (MachineState.ENDING, MachineState.GONE)]
        return self._cloud.terminate(requested, region) if requested else ()

    def _stages(self, order: NodeOrder, machines: tuple[Machine, ...] | list[Machine]) -> NodeLaunch:
        running = any(machine.state is MachineState.RUNNING for machine in machines)
        nodes = {it.provider_id: it for it in self._cluster.nodes()} if self._cluster and running else {}
        stages: dict[str, str] = {}
        for machine in machines:
            node = nodes.get(machine.provider_id)
            if node is not None and self._cluster is not None and (order.labels or order.taints):
                self._cluster.label(node, order.labels, order.taints)
            stages[machine.id] = self._stage(machine, node)
        return NodeLaunch(order.count, stages)

    def _stage(self, machine: Machine, node: ClusterNode | None) -> str:
        if machine.state is not MachineState.RUNNING:
            return STARTING
        if self._cluster is None:
            return READY
        if node is None:
            return JOINING
        return READY if node.ready else NOT_READY

    def _lateness(self, machine: Machine, stage: str) -> str:
        age = _age(machine.launched_at)
        if stage == STARTING and age > self._settings.launch_timeout:
            return f"is still starting after {_seconds(age)}"
        if stage == JOINING and age > self._settings.registration_timeout:
            return f"runs, but is no node of Kubernetes after {_seconds(age)}"
        if stage == NOT_READY and age > self._settings.registration_timeout:
            return f"is a node of Kubernetes, but not ready after {_seconds(age)}"
        return ""


def _needs_another_call(machines: list[Machine], order: NodeOrder) -> bool:
    """Whether the cloud has to be called again for the order, which never launches a machine twice.

    A launch may need several calls; a cloud may not list yet what it has just launched, and lists what has ended for
    long; two processes at once may have launched too many.
    """
    live = sum(machine.state.is_live for machine in machines)
    ordered = any(machine.state is MachineState.ORDERED for machine in machines)
    return ordered or len(machines) < order.count or live > order.count


def _age(since: datetime) -> timedelta:
    return utc_now() - since


def _seconds(age: timedelta) -> str:
    return f"{age.total_seconds():.0f} s"


def _ended(machines: list[Machine], order: NodeOrder) -> Diagnosis:
    ended = [machine for machine in machines if not machine.state.is_live]
    return Diagnosis(
        NodeCode.MACHINE_ENDED,
        f"{order.count - sum(it.state.is_live for it in machines)} of the machines are gone before they were ready.",
        "See the reason below (a spot machine was interrupted, a volume cannot be made); running the task "
        "again launches what is missing.",
        tuple(f"{machine.id}: {machine.state.value} {machine.reason}".rstrip() for machine in ended[-5:]),
    )


def _too_late(late: dict[Machine, str], settings: NodeSettings) -> Diagnosis:
    return Diagnosis(
        NodeCode.NOT_READY,
        f"{len(late)} machines did not become nodes in time and were released.",
        "Check the machine's console output and its user data: it has to join the cluster by itself, with a role "
        "that the cluster knows and a way to its API server. When it only needs longer, raise launch_timeout "
        f"({_seconds(settings.launch_timeout)}) or registration_timeout ({_seconds(settings.registration_timeout)}) "
        "of the connection.",
        tuple(f"{machine.id} {why}" for machine, why in list(late.items())[:5]),
    )

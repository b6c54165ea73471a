"""Machines of a cloud, in the same form for every cloud: requests and orders for them, and how many hold a cluster.

The fields of the requests, and their meanings, are those of the node calls (sections 3.1 and 3.2) of the dCluster API.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from pydantic import Field

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.entity import Entity
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.fields import Count, Line, Name
from dcluster_provider.core.sizing import GIB, MIB, cpu_cores, memory_bytes

_REGION = "Region of the cloud; empty means the connection's."
# What GKE reserves for the kubelet and the system of a node, as shares of each further step of its size; EKS reserves
# less of a large node, so a node of either is never smaller than computed here.
_MEMORY_STEPS = ((4 * GIB, 0.25), (4 * GIB, 0.20), (8 * GIB, 0.10), (112 * GIB, 0.06))
_MEMORY_BEYOND = 0.02
_CPU_STEPS = ((1.0, 0.06), (1.0, 0.01), (2.0, 0.005))
_CPU_BEYOND = 0.0025
_EVICTION_THRESHOLD = 100 * MIB


class MachineState(str, Enum):
    """The state that a cloud reports of a machine."""

    ORDERED = "ORDERED"  # requested and not being made: launching the order again continues it
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"  # switched off, and still billed in part
    ENDING = "ENDING"
    GONE = "GONE"

    @property
    def is_live(self) -> bool:
        """Whether it can serve a request: it is neither ending nor gone."""
        return self in (MachineState.ORDERED, MachineState.STARTING, MachineState.RUNNING)


@dataclass(frozen=True)
class Machine:
    """A machine of a cloud that carries this deployment's mark.

    :param id: the cloud's id (``i-0123456789abcdef0`` of EC2, an instance's name of GKE).
    :param provider_id: id in the node of Kubernetes (``aws:///eu-west-1a/i-0123456789abcdef0``).
    :param region: the cloud's region or zone.
    :param launched_at: when the cloud began to make it.
    :param mark: mark of the request that launched it (``NodeOrder.mark``).
    :param cluster: name of the cluster that it was launched for; empty means for any.
    :param reason: why it ended, in the cloud's words.
    :param connection: id of the connection that launched it; empty when unknown.
    :param registry_id: id of the registry that it was launched for; empty for one of a version without these ids.
    """

    id: str
    provider_id: str
    state: MachineState
    instance_type: str
    region: str
    launched_at: datetime
    mark: str = ""
    cluster: str = ""
    reason: str = ""
    connection: str = ""
    registry_id: str = ""


@dataclass(frozen=True)
class Capacity:
    """The resources of an instance type, or of pods.

    :param cpu: cores.
    :param memory: bytes.
    """

    cpu: float
    memory: int


@dataclass(frozen=True)
class NodeOrder:
    """An order for machines, which the cloud fulfils once.

    :param mark: identifies the request across deployments; a repeated request has the same mark. At most 40
        characters of a-z and 0-9.
    :param count: the number of machines.
    :param instance_types: the first choice, and its alternatives in order, for when the cloud has no capacity; at most
        60.
    :param region: never empty.
    :param cluster: name of the cluster that they are for; empty means any.
    :param labels: of the nodes that they become.
    :param taints: of these nodes, as Kubernetes writes them: key, value, effect.
    :param registry_id: id of the registry that stores the request; the machines carry it.
    """

    mark: str
    count: int
    instance_types: tuple[str, ...]
    region: str
    cluster: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[dict[str, str], ...] = ()
    registry_id: str = ""


class NodeRequest(Entity):
    """Nodes to add to the Kubernetes cluster."""

    node_count: Count = Field(ge=1, description="Number of nodes; the connection's `max_nodes` is the most.")
    instance_type: Name = Field(description="Instance type, by the cloud's name for it (`m5.large`).")
    region: Line = Field(default="", description=_REGION)
    alternative_types: tuple[Name, ...] = Field(
        default=(),
        max_length=59,
        description="Instance types to fall back on, in this order, where the cloud has no capacity left.",
    )


class DestroyRequest(Entity):
    """Nodes to drain and to release to the cloud."""

    node_ids: tuple[Name, ...] = Field(
        min_length=1, max_length=1000, description="The cloud's ids of the nodes' instances."
    )
    region: Line = Field(default="", description=_REGION)


def for_pods(machine: Capacity, daemons: Capacity) -> Capacity:
    """The capacity of a machine that is left for pods.

    :param daemons: what the pods of DaemonSets request on each node.
    """
    kept_cpu = _stepwise(machine.cpu, _CPU_STEPS, _CPU_BEYOND)
    kept_memory = _stepwise(machine.memory, _MEMORY_STEPS, _MEMORY_BEYOND) + _EVICTION_THRESHOLD
    return Capacity(
        max(0.0, machine.cpu - kept_cpu - daemons.cpu),
        max(0, int(machine.memory - kept_memory - daemons.memory)),
    )


def pods_of(spec: ClusterSpec) -> list[Capacity]:
    """The resources that the master and each worker of a cluster request."""
    master = Capacity(float(cpu_cores(spec.master_cpu)), memory_bytes(spec.master_memory))
    worker = Capacity(float(cpu_cores(spec.worker_cpu)), memory_bytes(spec.worker_memory))
    return [master, *([worker] * spec.workers)]


def nodes_needed(pods: Iterable[Capacity], node: Capacity, kind: str) -> int:
    """The number of nodes that hold these pods: the largest first, each on the first node with room.

    :param node: the capacity of one node for pods.
    :param kind: its instance type, for the error.
    :raises InvalidSpec: a pod is larger than a node.
    """
    rooms: list[Capacity] = []
    for pod in sorted(pods, key=lambda it: (it.memory, it.cpu), reverse=True):
        if pod.cpu > node.cpu or pod.memory > node.memory:
            raise InvalidSpec(
                f"field launchNewNode: a pod of {pod.cpu:g} CPU and {pod.memory // MIB}Mi does not fit a node of type "
                f"{kind}, which has {node.cpu:.2f} CPU and {node.memory // MIB}Mi for pods; name a larger type in "
                "cluster_instance_types of the connection, or ask for less in workerCpu, workerMemory, masterCpu and "
                "masterMemory"
            )
        for number, room in enumerate(rooms):
            if pod.cpu <= room.cpu and pod.memory <= room.memory:
                rooms[number] = _without(room, pod)
                break
        else:
            rooms.append(_without(node, pod))
    return len(rooms)


def _without(room: Capacity, pod: Capacity) -> Capacity:
    return Capacity(round(room.cpu - pod.cpu, 6), room.memory - pod.memory)


def _stepwise(size: float, steps: Iterable[tuple[float, float]], beyond: float) -> float:
    kept = 0.0
    for step, share in steps:
        part = min(size, step)
        kept, size = kept + part * share, size - part
    return kept + size * beyond

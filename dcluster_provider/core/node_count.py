"""How many nodes of an instance type hold the pods of a cluster."""

from __future__ import annotations

from collections.abc import Iterable

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.machines import Capacity
from dcluster_provider.core.sizing import GIB, MIB, cpu_cores, memory_bytes
from dcluster_provider.core.spec import ClusterSpec

# What GKE reserves for the kubelet and the system of a node, as shares of each further step of its size; EKS reserves
# less of a large node, so a node of either is never smaller than computed here.
_MEMORY_STEPS = ((4 * GIB, 0.25), (4 * GIB, 0.20), (8 * GIB, 0.10), (112 * GIB, 0.06))
_MEMORY_BEYOND = 0.02
_CPU_STEPS = ((1.0, 0.06), (1.0, 0.01), (2.0, 0.005))
_CPU_BEYOND = 0.0025
_EVICTION_THRESHOLD = 100 * MIB


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

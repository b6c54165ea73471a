"""How Flink divides the memory of a process, computed as Flink's own start scripts compute it.

Doing it here saves two starts of Java per process, and refuses too little memory before anything is started.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.sizing import MIB

_UNITS = {"": 1, "b": 1, "k": 2**10, "kb": 2**10, "m": 2**20, "mb": 2**20, "g": 2**30, "gb": 2**30}
_UNITS |= {"bytes": 1, "kibibytes": 2**10, "mebibytes": 2**20, "gibibytes": 2**30, "t": 2**40, "tb": 2**40}
_SIZE = re.compile(r"^(\d+)\s*([a-z]*)$")
_JOBMANAGER, _TASKMANAGER = "jobmanager.memory.", "taskmanager.memory."
_LEAST_HEAP = 128 * MIB  # of a JobManager: Flink itself calls less too little
_LEAST_TASK_HEAP = 16 * MIB
_STEP = 64 * MIB  # the least valid amount is named to this
# They contradict a process size that is given, which here it always is.
_CONTRADICTIONS = {
    "jobmanager.memory.flink.size": "masterMemory",
    "jobmanager.memory.heap.size": "masterMemory",
    "taskmanager.memory.flink.size": "workerMemory",
}


@dataclass(frozen=True)
class Division:
    """A process's memory as Java and Flink are told of it.

    :param java: options of the JVM.
    :param settings: Flink settings that have to agree with them.
    """

    java: tuple[str, ...]
    settings: dict[str, str]


_Parts = Callable[[int, Mapping[str, str]], Division]


class _TooLittleError(Exception):
    """The parts do not fit into the whole."""


def divide_jobmanager(size: int, settings: Mapping[str, str]) -> Division:
    """Divide the memory of a JobManager.

    :param size: of the process, in bytes; ``jobmanager.memory.process.size`` overrides it.
    :param settings: the cluster's, whose memory settings are followed.
    :raises InvalidSpec: too little, naming ``masterMemory`` and the least valid value.
    """
    return _divide("masterMemory", _JOBMANAGER, size, settings, _jobmanager)


def divide_taskmanager(size: int, slots: int, settings: Mapping[str, str]) -> Division:
    """Divide the memory of a TaskManager.

    :param size: of the process, in bytes; ``taskmanager.memory.process.size`` overrides it.
    :param slots: of the TaskManager.
    :param settings: the cluster's, whose memory settings are followed.
    :raises InvalidSpec: too little, naming ``workerMemory`` and the least valid value.
    """
    division = _divide("workerMemory", _TASKMANAGER, size, settings, _taskmanager)
    cores = settings.get("taskmanager.cpu.cores", f"{slots}.0")
    more = {
        "taskmanager.cpu.cores": cores,
        "taskmanager.numberOfTaskSlots": str(slots),
        "external-resources": settings.get("external-resources", "none"),
    }
    return Division(division.java, division.settings | more)


def _divide(field: str, prefix: str, size: int, settings: Mapping[str, str], parts: _Parts) -> Division:
    for name, instead in _CONTRADICTIONS.items():
        if name in settings:
            raise InvalidSpec(
                f"field extraConfigs: {name} cannot be given; give the whole process's {instead}"
            )
    own = f"{prefix}process.size"
    if own in settings:
        size, field = _bytes(own, settings[own]), f"extraConfigs: {own}"
    try:
        return parts(size, settings)
    except _TooLittleError:
        least = _least(parts, settings)
        raise InvalidSpec(
            f"field {field}: {size // MIB}Mi is too little for Flink with these settings; the least is {least // MIB}Mi"
        ) from None


def _least(parts: _Parts, settings: Mapping[str, str]) -> int:
    size = _STEP
    while True:
        try:
            parts(size, settings)
        except _TooLittleError:
            size += _STEP
        else:
            return size


def _jobmanager(size: int, settings: Mapping[str, str]) -> Division:
    flink, metaspace, overhead = _without_jvm(_JOBMANAGER, size, settings)
    off_heap = _size(settings, "jobmanager.memory.off-heap.size", 128 * MIB)
    heap = flink - off_heap
    if heap < _LEAST_HEAP:
        raise _TooLittleError
    java = [f"-Xmx{heap}", f"-Xms{heap}", f"-XX:MaxMetaspaceSize={metaspace}"]
    if settings.get("jobmanager.memory.enable-jvm-direct-memory-limit") == "true":
        java.append(f"-XX:MaxDirectMemorySize={off_heap}")
    amounts = {
        "heap.size": heap,
        "off-heap.size": off_heap,
        "jvm-metaspace.size": metaspace,
        "jvm-overhead.min": overhead,
        "jvm-overhead.max": overhead,
    }
    return Division(tuple(java), {_JOBMANAGER + name: f"{amount}b" for name, amount in amounts.items()})


def _taskmanager(size: int, settings: Mapping[str, str]) -> Division:
    flink, metaspace, overhead = _without_jvm(_TASKMANAGER, size, settings)
    framework_heap = _size(settings, "taskmanager.memory.framework.heap.size", 128 * MIB)
    framework_off_heap = _size(settings, "taskmanager.memory.framework.off-heap.size", 128 * MIB)
    task_off_heap = _size(settings, "taskmanager.memory.task.off-heap.size", 0)
    managed = _size(settings, "taskmanager.memory.managed.size", -1)
    if managed < 0:
        managed = _times(flink, settings, "taskmanager.memory.managed.fraction", "0.4")
    left = flink - framework_heap - framework_off_heap - task_off_heap - managed
    task_heap = _size(settings, "taskmanager.memory.task.heap.size", -1)
    if task_heap >= 0 and "taskmanager.memory.managed.size" in settings:
        raise InvalidSpec(
            "field extraConfigs: taskmanager.memory.task.heap.size and taskmanager.memory.managed.size together leave "
            "nothing of workerMemory to divide; give one of them"
        )
    if task_heap >= 0:
        network = left - task_heap
    else:
        network = _between(
            flink, settings, "taskmanager.memory.network", share="0.1", low=64 * MIB, high=2**62
        )
        task_heap = left - network
    if network < 0 or task_heap < _LEAST_TASK_HEAP:
        raise _TooLittleError
    heap = framework_heap + task_heap
    java = (
        f"-Xmx{heap}",
        f"-Xms{heap}",
        f"-XX:MaxDirectMemorySize={framework_off_heap + task_off_heap + network}",
        f"-XX:MaxMetaspaceSize={metaspace}",
    )
    amounts = {
        "framework.heap.size": framework_heap,
        "framework.off-heap.size": framework_off_heap,
        "task.heap.size": task_heap,
        "task.off-heap.size": task_off_heap,
        "managed.size": managed,
        "network.min": network,
        "network.max": network,
        "jvm-metaspace.size": metaspace,
        "jvm-overhead.min": overhead,
        "jvm-overhead.max": overhead,
    }
    return Division(java, {_TASKMANAGER + name: f"{amount}b" for name, amount in amounts.items()})


def _without_jvm(prefix: str, size: int, settings: Mapping[str, str]) -> tuple[int, int, int]:
    """What is left for Flink, the metaspace and the JVM's overhead."""
    metaspace = _size(settings, f"{prefix}jvm-metaspace.size", 256 * MIB)
    overhead = _between(size, settings, f"{prefix}jvm-overhead", share="0.1", low=192 * MIB, high=1024 * MIB)
    flink = size - metaspace - overhead
    if flink <= 0:
        raise _TooLittleError
    return flink, metaspace, overhead


def _between(whole: int, settings: Mapping[str, str], prefix: str, *, share: str, low: int, high: int) -> int:
    least, most = _size(settings, f"{prefix}.min", low), _size(settings, f"{prefix}.max", high)
    if least > most:
        raise InvalidSpec(f"field extraConfigs: {prefix}.min is more than {prefix}.max")
    return min(max(_times(whole, settings, f"{prefix}.fraction", share), least), most)


def _times(whole: int, settings: Mapping[str, str], name: str, default: str) -> int:
    """A fraction of an amount, with Flink's rounding: it keeps fractions in 32 bits."""
    text = settings.get(name, default)
    try:
        fraction = struct.unpack("f", struct.pack("f", float(text)))[0]
    except (ValueError, OverflowError):
        fraction = -1.0
    if not 0 <= fraction < 1:
        raise InvalidSpec(f"field extraConfigs: {name} is {text!r}, not a fraction from 0 to below 1")
    return int(Decimal(repr(fraction)) * whole)


def _size(settings: Mapping[str, str], name: str, default: int) -> int:
    return _bytes(name, settings[name]) if name in settings else default


def _bytes(name: str, text: str) -> int:
    found = _SIZE.match(text.strip().lower())
    if found is None or found[2] not in _UNITS:
        raise InvalidSpec(
            f"field extraConfigs: {name} is {text!r}, not an amount of memory such as 512m or 2g"
        )
    return int(found[1]) * _UNITS[found[2]]

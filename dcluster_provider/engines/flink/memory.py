"""How Flink divides the memory of a process, computed as Flink's own start scripts compute it.

Doing it here saves two starts of Java per process, and refuses too little memory before anything is started.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.sizing import GIB, MAX_MEMORY, MIB
from dcluster_provider.engines.flink.known_settings import size

_FRACTION = re.compile(r"\d{0,20}\.?\d{1,40}(?:e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_JOBMANAGER, _TASKMANAGER = "jobmanager.memory.", "taskmanager.memory."
_MIN_HEAP = 128 * MIB  # of a JobManager: Flink itself calls less too little
_MIN_TASK_HEAP = 16 * MIB
_NETWORK = "taskmanager.memory.network"
_MANAGED = "taskmanager.memory.managed"
_TASK_HEAP = "taskmanager.memory.task.heap.size"
# They contradict a process size that is given, which here it always is.
_CONTRADICTIONS = {
    "jobmanager.memory.process.size": "masterMemory",
    "jobmanager.memory.flink.size": "masterMemory",
    "jobmanager.memory.heap.size": "masterMemory",
    "taskmanager.memory.process.size": "workerMemory",
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


@dataclass(frozen=True)
class _Share:
    """A part that is a fraction of a whole, but at least ``low`` and at most ``high`` bytes."""

    fraction: Fraction
    low: int
    high: int

    def of(self, whole: int) -> int:
        """The part of a whole, with Flink's rounding."""
        return min(max(int(self.fraction * whole), self.low), self.high)

    def min_whole(self, rest: int, taken: Fraction = Fraction(0)) -> int:
        """The least whole, in bytes, of which ``rest`` is left beside this part.

        :param taken: a further fraction of the whole that is not left either.
        """
        at_most = (rest + self.high) / (1 - taken)
        free = 1 - taken - self.fraction
        if free <= 0:  # what is left grows with the whole only once this part has come to its upper limit
            return ceil(at_most)
        return ceil(min(at_most, max((rest + self.low) / (1 - taken), rest / free)))


class _TooLittleError(Exception):
    """The parts do not fit into the whole.

    :param least: the least whole that they fit into, in bytes.
    """

    def __init__(self, least: int) -> None:
        super().__init__(least)
        self.least = least


def divide_jobmanager(size: int, settings: Mapping[str, str]) -> Division:
    """Divide the memory of a JobManager.

    :param size: of the process, in bytes.
    :param settings: the cluster's, whose memory settings are followed.
    :raises InvalidSpec: too little, naming ``masterMemory`` and the least valid value; or a setting that makes no
        sense, naming it.
    """
    return _divide("masterMemory", _JOBMANAGER, size, settings, _jobmanager)


def divide_taskmanager(size: int, slots: int, settings: Mapping[str, str]) -> Division:
    """Divide the memory of a TaskManager.

    :param size: of the process, in bytes.
    :param slots: of the TaskManager.
    :param settings: the cluster's, whose memory settings are followed.
    :raises InvalidSpec: too little, naming ``workerMemory`` and the least valid value; or a setting that makes no
        sense, naming it.
    """
    division = _divide("workerMemory", _TASKMANAGER, size, settings, _taskmanager)
    cores = settings.get("taskmanager.cpu.cores", f"{slots}.0")
    more = {
        "taskmanager.cpu.cores": cores,
        "taskmanager.numberOfTaskSlots": str(slots),
        "external-resources": settings.get("external-resources", "none"),
    }
    return Division(division.java, division.settings | more)


def _divide(
    field: str,
    prefix: str,
    size: int,
    settings: Mapping[str, str],
    parts: Callable[[int, Mapping[str, str]], Division],
) -> Division:
    for name, instead in _CONTRADICTIONS.items():
        if name in settings:
            raise InvalidSpec(
                f"field extraConfigs: {name} cannot be given; give the whole process's {instead}"
            )
    try:
        return parts(size, settings)
    except _TooLittleError as error:
        if error.least > MAX_MEMORY:
            raise InvalidSpec(_nothing_left(field, prefix, settings)) from None
        raise InvalidSpec(
            f"field {field}: {size // MIB}Mi is too little for Flink with these settings; "
            f"the least is {ceil(error.least / MIB)}Mi"
        ) from None


def _nothing_left(field: str, prefix: str, settings: Mapping[str, str]) -> str:
    given = ", ".join(f"{name}: {value}" for name, value in settings.items() if name.startswith(prefix))
    return (
        f"field extraConfigs: with {given}, no {field} up to {MAX_MEMORY // GIB}Gi would leave Flink enough for the "
        "rest; lower them"
    )


def _jobmanager(size: int, settings: Mapping[str, str]) -> Division:
    metaspace, overhead = _jvm(_JOBMANAGER, settings)
    off_heap = _size(settings, "jobmanager.memory.off-heap.size", 128 * MIB)
    least = overhead.min_whole(metaspace + off_heap + _MIN_HEAP)
    heap = size - metaspace - overhead.of(size) - off_heap
    if heap < _MIN_HEAP:
        raise _TooLittleError(least)
    java = [f"-Xmx{heap}", f"-Xms{heap}", f"-XX:MaxMetaspaceSize={metaspace}"]
    if settings.get("jobmanager.memory.enable-jvm-direct-memory-limit") == "true":
        java.append(f"-XX:MaxDirectMemorySize={off_heap}")
    amounts = {
        "heap.size": heap,
        "off-heap.size": off_heap,
        "jvm-metaspace.size": metaspace,
        "jvm-overhead.min": overhead.of(size),
        "jvm-overhead.max": overhead.of(size),
    }
    return Division(tuple(java), {_JOBMANAGER + name: f"{amount}b" for name, amount in amounts.items()})


def _taskmanager(size: int, settings: Mapping[str, str]) -> Division:
    metaspace, overhead = _jvm(_TASKMANAGER, settings)
    framework_heap = _size(settings, "taskmanager.memory.framework.heap.size", 128 * MIB)
    framework_off_heap = _size(settings, "taskmanager.memory.framework.off-heap.size", 128 * MIB)
    task_off_heap = _size(settings, "taskmanager.memory.task.off-heap.size", 0)
    given_heap = _given_task_heap(settings)
    managed, network = _managed(settings), _share(settings, _NETWORK, "0.1", 64 * MIB, MAX_MEMORY)

    fixed = framework_heap + framework_off_heap + task_off_heap + managed.low
    if given_heap is None:
        min_flink = network.min_whole(fixed + _MIN_TASK_HEAP, managed.fraction)
    else:
        min_flink = managed.min_whole(fixed + given_heap + network.low)
    least = overhead.min_whole(min_flink + metaspace)

    flink = size - metaspace - overhead.of(size)
    managed_size = managed.of(flink)
    left = flink - framework_heap - framework_off_heap - task_off_heap - managed_size
    network_size = network.of(flink) if given_heap is None else left - given_heap
    task_heap = left - network_size
    if flink <= 0 or network_size < network.low or task_heap < _MIN_TASK_HEAP:
        raise _TooLittleError(least)
    if network_size > network.high:
        raise InvalidSpec(
            f"field extraConfigs: {_TASK_HEAP} leaves {network_size // MIB}m of workerMemory for the network, which is "
            f"more than {_NETWORK}.max; lower workerMemory or raise one of the two"
        )
    heap = framework_heap + task_heap
    java = (
        f"-Xmx{heap}",
        f"-Xms{heap}",
        f"-XX:MaxDirectMemorySize={framework_off_heap + task_off_heap + network_size}",
        f"-XX:MaxMetaspaceSize={metaspace}",
    )
    amounts = {
        "framework.heap.size": framework_heap,
        "framework.off-heap.size": framework_off_heap,
        "task.heap.size": task_heap,
        "task.off-heap.size": task_off_heap,
        "managed.size": managed_size,
        "network.min": network_size,
        "network.max": network_size,
        "jvm-metaspace.size": metaspace,
        "jvm-overhead.min": overhead.of(size),
        "jvm-overhead.max": overhead.of(size),
    }
    return Division(java, {_TASKMANAGER + name: f"{amount}b" for name, amount in amounts.items()})


def _given_task_heap(settings: Mapping[str, str]) -> int | None:
    if _TASK_HEAP not in settings:
        return None
    if f"{_MANAGED}.size" in settings:
        raise InvalidSpec(
            f"field extraConfigs: {_TASK_HEAP} and {_MANAGED}.size together leave nothing of workerMemory to divide; "
            "give one of them"
        )
    return _size(settings, _TASK_HEAP, 0, least=_MIN_TASK_HEAP)


def _managed(settings: Mapping[str, str]) -> _Share:
    """The managed memory: a size that is given, or a fraction."""
    fraction = _fraction(settings, f"{_MANAGED}.fraction", "0.4")
    if f"{_MANAGED}.size" in settings:
        size = _size(settings, f"{_MANAGED}.size", 0)
        return _Share(Fraction(0), size, size)
    return _Share(fraction, 0, MAX_MEMORY)


def _jvm(prefix: str, settings: Mapping[str, str]) -> tuple[int, _Share]:
    """What is not Flink's own: the metaspace and the JVM's overhead."""
    metaspace = _size(settings, f"{prefix}jvm-metaspace.size", 256 * MIB, least=MIB)
    return metaspace, _share(settings, f"{prefix}jvm-overhead", "0.1", 192 * MIB, 1024 * MIB)


def _share(settings: Mapping[str, str], prefix: str, fraction: str, low: int, high: int) -> _Share:
    least, most = _size(settings, f"{prefix}.min", low), _size(settings, f"{prefix}.max", high)
    if least > most:
        raise InvalidSpec(
            f"field extraConfigs: {prefix}.min ({least // MIB}m) is more than {prefix}.max ({most // MIB}m)"
        )
    return _Share(_fraction(settings, f"{prefix}.fraction", fraction), least, most)


def _fraction(settings: Mapping[str, str], name: str, default: str) -> Fraction:
    """A fraction as Flink keeps it: in 32 bits, and as the shortest decimal that means the same in 64."""
    text = settings.get(name, default).strip()
    value = float(text) if _FRACTION.fullmatch(text) else -1.0
    kept = struct.unpack("f", struct.pack("f", value))[0] if 0 <= value < 1 else 1.0
    if kept >= 1:
        raise InvalidSpec(f"field extraConfigs: {name} is {text[:40]!r}, not a fraction from 0 to below 1")
    return Fraction(repr(kept))


def _size(settings: Mapping[str, str], name: str, default: int, *, least: int = 0) -> int:
    if name not in settings:
        return default
    try:
        amount = size(name, settings[name])
    except InvalidSpec as error:
        raise InvalidSpec(f"field extraConfigs: {error}") from None
    if amount < least:
        raise InvalidSpec(f"field extraConfigs: {name} is {settings[name]!r}; the least is {least // MIB}m")
    return amount

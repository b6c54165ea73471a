"""The division of memory: parts that add up, and the least that is named is the least that is accepted."""

from __future__ import annotations

import re
import struct
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.sizing import GIB, MIB
from dcluster_provider.engines.flink.memory import divide_jobmanager, divide_taskmanager

PARTS = ("framework.heap", "framework.off-heap", "task.heap", "task.off-heap", "managed", "jvm-metaspace")


def amount(division, name):
    return int(division.settings[f"taskmanager.memory.{name}"].removesuffix("b"))


@given(st.integers(1024, 64 * 1024), st.integers(1, 16), st.sampled_from(["0.1", "0.4", "0.7"]))
def test_the_parts_of_a_taskmanager_are_its_whole_memory(mib, slots, managed):
    settings = {"taskmanager.memory.managed.fraction": managed}
    try:
        division = divide_taskmanager(mib * MIB, slots, settings)
    except InvalidSpec:
        return
    total = sum(amount(division, f"{part}.size") for part in PARTS)
    total += amount(division, "network.min") + amount(division, "jvm-overhead.min")
    assert total == mib * MIB
    heap = amount(division, "framework.heap.size") + amount(division, "task.heap.size")
    assert f"-Xmx{heap}" in division.java
    assert division.settings["taskmanager.numberOfTaskSlots"] == str(slots)


def test_a_jobmanager_as_flink_divides_it():
    division = divide_jobmanager(GIB, {})
    assert division.java == ("-Xmx469762048", "-Xms469762048", "-XX:MaxMetaspaceSize=268435456")
    assert division.settings["jobmanager.memory.off-heap.size"] == "134217728b"


def test_fractions_are_rounded_as_flink_rounds_them():
    division = divide_taskmanager(1728 * MIB, 1, {})
    assert division.settings["taskmanager.memory.managed.size"] == "536870920b"
    assert division.settings["taskmanager.memory.network.min"] == "134217730b"


@pytest.mark.parametrize(
    ("divide", "field"),
    [
        (lambda size: divide_jobmanager(size, {}), "masterMemory"),
        (lambda size: divide_taskmanager(size, 1, {}), "workerMemory"),
        (
            lambda size: divide_taskmanager(size, 1, {"taskmanager.memory.managed.size": "1g"}),
            "workerMemory",
        ),
    ],
)
def test_too_little_is_refused_with_the_least_that_is_accepted(divide, field):
    with pytest.raises(InvalidSpec, match=f"field {field}: 256Mi is too little") as refusal:
        divide(256 * MIB)
    least = named_least(refusal)
    divide(least)
    with pytest.raises(InvalidSpec, match="is too little"):
        divide(least - MIB)


def named_least(refusal):
    return int(re.search(r"the least is (\d+)Mi$", str(refusal.value))[1]) * MIB


def fits_a_taskmanager(size, settings):
    """Flink's own rules, a step each, over settings in bytes and fractions."""

    def part_of(whole, name, default):
        fraction = struct.unpack("f", struct.pack("f", float(settings.get(name, default))))[0]
        return int(Decimal(repr(fraction)) * whole)

    def within(whole, prefix, low, high):
        wanted = part_of(whole, f"{prefix}.fraction", "0.1")
        return min(max(wanted, settings.get(f"{prefix}.min", low)), settings.get(f"{prefix}.max", high))

    memory = "taskmanager.memory."
    overhead = within(size, memory + "jvm-overhead", 192 * MIB, GIB)
    flink = size - settings.get(memory + "jvm-metaspace.size", 256 * MIB) - overhead
    if flink <= 0:
        return False
    rest = flink - settings.get(memory + "framework.heap.size", 128 * MIB)
    rest -= settings.get(memory + "framework.off-heap.size", 128 * MIB)
    rest -= settings.get(memory + "task.off-heap.size", 0)
    managed = settings.get(memory + "managed.size")
    rest -= part_of(flink, memory + "managed.fraction", "0.4") if managed is None else managed
    heap = settings.get(memory + "task.heap.size")
    if heap is not None:
        return rest - heap >= settings.get(memory + "network.min", 64 * MIB)
    return rest - within(flink, memory + "network", 64 * MIB, 2**62) >= 16 * MIB


FRACTIONS = st.integers(0, 99).map(lambda percent: f"{percent / 100:.2f}")
SIZES = st.integers(0, 4 * GIB)
HEAPS = st.integers(16 * MIB, 4 * GIB)


@st.composite
def ranges(draw, prefix):
    low, high = sorted((draw(SIZES), draw(SIZES)))
    wanted = {f"{prefix}.min": low, f"{prefix}.max": high, f"{prefix}.fraction": draw(FRACTIONS)}
    if draw(st.booleans()):
        del wanted[f"{prefix}.max"]
        wanted[f"{prefix}.min"] = min(low, GIB)
    return wanted


@st.composite
def taskmanagers(draw):
    memory = "taskmanager.memory."
    settings = draw(ranges(memory + "network")) if draw(st.booleans()) else {}
    settings |= draw(ranges(memory + "jvm-overhead")) if draw(st.booleans()) else {}
    for name in ("framework.heap.size", "framework.off-heap.size", "task.off-heap.size"):
        if draw(st.booleans()):
            settings[memory + name] = draw(SIZES)
    decided = draw(st.sampled_from(["nothing", "managed.size", "managed.fraction", "task.heap.size"]))
    if decided == "task.heap.size":
        settings.pop(memory + "network.max", None)  # more than that is another complaint
        settings[memory + decided] = draw(HEAPS)
    elif decided != "nothing":
        settings[memory + decided] = draw(FRACTIONS if decided.endswith("fraction") else SIZES)
    return settings


def as_text(settings):
    return {name: value if isinstance(value, str) else f"{value}b" for name, value in settings.items()}


@given(st.integers(64, 64 * 1024), taskmanagers())
@settings(max_examples=200)
def test_what_flink_takes_is_taken_and_the_least_is_the_least(mib, wanted):
    if fits_a_taskmanager(mib * MIB, wanted):
        divide_taskmanager(mib * MIB, 1, as_text(wanted))
        return
    with pytest.raises(InvalidSpec, match=r"the least is|would leave Flink enough") as refusal:
        divide_taskmanager(mib * MIB, 1, as_text(wanted))
    if "the least is" not in str(refusal.value):
        assert not any(fits_a_taskmanager(size * GIB, wanted) for size in (64, 256, 1024, 4095))
        return
    least = named_least(refusal)
    assert fits_a_taskmanager(least, wanted)
    assert not fits_a_taskmanager(
        least - 2 * MIB, wanted
    )  # what rounding leaves beside the algebra is some bytes
    divide_taskmanager(least, 1, as_text(wanted))


@given(st.integers(64, 8 * 1024), ranges("jobmanager.memory.jvm-overhead"), SIZES)
def test_a_jobmanager_is_taken_as_flink_takes_it(mib, wanted, off_heap):
    wanted |= {"jobmanager.memory.off-heap.size": off_heap}
    try:
        division = divide_jobmanager(mib * MIB, as_text(wanted))
    except InvalidSpec as error:
        least = int(re.search(r"the least is (\d+)Mi$", str(error))[1]) * MIB
        divide_jobmanager(least, as_text(wanted))
        with pytest.raises(InvalidSpec):
            divide_jobmanager(least - 2 * MIB, as_text(wanted))
    else:
        parts = ("heap.size", "off-heap.size", "jvm-metaspace.size", "jvm-overhead.min")
        amounts = (int(division.settings[f"jobmanager.memory.{part}"][:-1]) for part in parts)
        assert sum(amounts) == mib * MIB


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"taskmanager.memory.flink.size": "1g"}, "give the whole process's workerMemory"),
        ({"taskmanager.memory.process.size": "1g"}, "give the whole process's workerMemory"),
        ({"taskmanager.memory.managed.fraction": "1.5"}, "not a fraction"),
        ({"taskmanager.memory.managed.fraction": "much"}, "not a fraction"),
        ({"taskmanager.memory.managed.fraction": "nan"}, "not a fraction"),
        ({"taskmanager.memory.managed.fraction": "1"}, "not a fraction"),
        ({"taskmanager.memory.managed.fraction": "0.99999999"}, "not a fraction"),  # 1 in 32 bits
        ({"taskmanager.memory.managed.fraction": "-0.1"}, "not a fraction"),
        (
            {"taskmanager.memory.managed.fraction": "0.95"},
            "managed.fraction: 0.95, no workerMemory up to 4096Gi",
        ),
        (
            {"taskmanager.memory.network.fraction": "0.6"},
            "network.fraction: 0.6, no workerMemory up to 4096Gi",
        ),
        ({"taskmanager.memory.managed.fraction": "0.89999"}, "no workerMemory up to 4096Gi"),
        ({"taskmanager.memory.managed.size": "much"}, "not an amount of memory"),
        ({"taskmanager.memory.managed.size": "-1g"}, "not an amount of memory"),
        ({"taskmanager.memory.managed.size": "9" * 5000}, "not an amount of memory"),
        ({"taskmanager.memory.managed.size": "5t"}, "the most is 4096g"),
        ({"taskmanager.memory.task.heap.size": "1m"}, "the least is 16m"),
        ({"taskmanager.memory.jvm-metaspace.size": "0"}, "the least is 1m"),
        ({"taskmanager.memory.network.min": "2g", "taskmanager.memory.network.max": "1g"}, "is more than"),
        ({"taskmanager.memory.jvm-overhead.min": "2g"}, r"\(2048m\) is more than .*max \(1024m\)"),
        (
            {"taskmanager.memory.task.heap.size": "1g", "taskmanager.memory.managed.size": "1m"},
            "give one of them",
        ),
        (
            {"taskmanager.memory.task.heap.size": "16m", "taskmanager.memory.network.max": "65m"},
            "more than taskmanager.memory.network.max",
        ),
    ],
)
def test_settings_that_cannot_hold_are_refused_by_name(settings, message):
    with pytest.raises(InvalidSpec, match=f"field extraConfigs: .*{message}"):
        divide_taskmanager(2 * GIB, 1, settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"jobmanager.memory.process.size": "2g"}, "give the whole process's masterMemory"),
        ({"jobmanager.memory.jvm-overhead.fraction": "1.0"}, "not a fraction"),
        ({"jobmanager.memory.off-heap.size": "4096g"}, "no masterMemory up to 4096Gi"),
    ],
)
def test_settings_of_a_jobmanager_that_cannot_hold_are_refused_by_name(settings, message):
    with pytest.raises(InvalidSpec, match=f"field extraConfigs: .*{message}"):
        divide_jobmanager(2 * GIB, settings)


def test_the_network_takes_the_rest_only_up_to_its_limit():
    settings = {
        "taskmanager.memory.managed.fraction": "0.95",
        "taskmanager.memory.network.max": "64m",
    }
    with pytest.raises(InvalidSpec, match="the least is") as refusal:
        divide_taskmanager(2 * GIB, 1, settings)
    division = divide_taskmanager(named_least(refusal), 1, settings)
    assert amount(division, "network.max") == 64 * MIB

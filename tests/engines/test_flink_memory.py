"""The division of memory: parts that add up, and the least that is named is the least that is accepted."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.sizing import GIB, MIB
from dcluster_provider.engines.flink_memory import divide_jobmanager, divide_taskmanager

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
    least = int(re.search(r"the least is (\d+)Mi", str(refusal.value))[1]) * MIB
    divide(least)
    with pytest.raises(InvalidSpec):
        divide(least - 64 * MIB)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"taskmanager.memory.flink.size": "1g"}, "give the whole process's workerMemory"),
        ({"taskmanager.memory.managed.fraction": "1.5"}, "not a fraction"),
        ({"taskmanager.memory.managed.fraction": "much"}, "not a fraction"),
        ({"taskmanager.memory.managed.size": "much"}, "not an amount of memory"),
        ({"taskmanager.memory.network.min": "2g", "taskmanager.memory.network.max": "1g"}, "is more than"),
        (
            {"taskmanager.memory.task.heap.size": "1g", "taskmanager.memory.managed.size": "1m"},
            "give one of them",
        ),
        ({"taskmanager.memory.process.size": "300m"}, "extraConfigs: taskmanager.memory.process.size"),
    ],
)
def test_settings_that_cannot_hold_are_refused_by_name(settings, message):
    with pytest.raises(InvalidSpec, match=message):
        divide_taskmanager(2 * GIB, 1, settings)


def test_a_process_size_in_the_settings_is_followed():
    given_size = divide_taskmanager(GIB, 1, {"taskmanager.memory.process.size": "2 gb"})
    assert given_size == divide_taskmanager(2 * GIB, 1, {})

"""Flink's settings whose values are checked, and those that are decided elsewhere; memory has its own checks."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.sizing import MAX_CORES, MAX_MEMORY
from dcluster_provider.engines.setting_checks import whole_number

_UNITS = {"": 0, "b": 0, "bytes": 0, "k": 10, "kb": 10, "kibibytes": 10, "m": 20, "mb": 20, "mebibytes": 20}
_UNITS |= {"g": 30, "gb": 30, "gibibytes": 30, "t": 40, "tb": 40, "tebibytes": 40}  # powers of two
_SIZE = re.compile(r"(\d{1,16})\s*([a-z]*)", re.ASCII)
_TIMES = "d|days?|h|hours?|m|min|minutes?|s|secs?|seconds?|ms|millis?|milliseconds?"
_SHORT_TIMES = "µs|micros?|microseconds?|ns|nanos?|nanoseconds?"
_DURATION = re.compile(rf"\d{{1,15}}\s*(?:{_TIMES}|{_SHORT_TIMES})?|pt?[\dhmsd.t]+", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)


def size(name: str, text: str) -> int:
    """The bytes that an amount of memory means.

    :raises InvalidSpec: it is none, or more than 4096 GiB.
    """
    found = _SIZE.fullmatch(text.strip().lower())
    if found is None or found[2] not in _UNITS:
        raise InvalidSpec(f"{name} is {text[:40]!r}, not an amount of memory such as 512m or 2g")
    amount = int(found[1]) << _UNITS[found[2]]
    if amount > MAX_MEMORY:
        raise InvalidSpec(f"{name} is {text!r}; the most is {MAX_MEMORY >> 30}g")
    return amount


def duration(name: str, text: str) -> None:
    """Refuse what is no duration.

    :raises InvalidSpec: it is none.
    """
    if not _DURATION.fullmatch(text.strip().lower()):
        raise InvalidSpec(f"{name} is {text[:40]!r}, not a duration such as 10 s, 5 min or 500 ms")


def number(name: str, text: str, low: float, high: float) -> float:
    """A number within limits.

    :raises InvalidSpec: it is none.
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None or not low <= float(found[0]) <= high:
        raise InvalidSpec(f"{name} is {text[:40]!r}, not a number from {low:g} to {high:g}")
    return float(found[0])


def _count(low: int = 0, high: int = 10**6) -> Callable[[str, str], object]:
    return partial(whole_number, low=low, high=high)


KINDS: dict[str, Callable[[str, str], object]] = {
    "parallelism.default": _count(1, 32768),
    "pipeline.max-parallelism": _count(-1, 32768),
    "taskmanager.numberOfTaskSlots": _count(1, 32768),
    "taskmanager.cpu.cores": partial(number, low=0.001, high=MAX_CORES),
    "taskmanager.memory.segment-size": size,
    "taskmanager.network.memory.buffers-per-channel": _count(),
    "execution.checkpointing.interval": duration,
    "execution.checkpointing.timeout": duration,
    "execution.checkpointing.min-pause": duration,
    "execution.checkpointing.max-concurrent-checkpoints": _count(1),
    "execution.checkpointing.tolerable-failed-checkpoints": _count(),
    "execution.buffer-timeout.interval": duration,
    "restart-strategy.fixed-delay.attempts": _count(1, 2**31 - 1),
    "restart-strategy.fixed-delay.delay": duration,
    "restart-strategy.failure-rate.delay": duration,
    "restart-strategy.failure-rate.failure-rate-interval": duration,
    "restart-strategy.failure-rate.max-failures-per-interval": _count(1),
    "restart-strategy.exponential-delay.initial-backoff": duration,
    "restart-strategy.exponential-delay.max-backoff": duration,
    "heartbeat.interval": duration,
    "heartbeat.timeout": duration,
    "slot.request.timeout": duration,
    "slot.idle.timeout": duration,
    "pekko.ask.timeout": duration,
    "akka.ask.timeout": duration,
    "client.timeout": duration,
    "web.timeout": duration,
    "table.exec.state.ttl": duration,
    "table.exec.mini-batch.allow-latency": duration,
    "table.exec.mini-batch.size": _count(-1, 2**31 - 1),
    "table.exec.resource.default-parallelism": _count(-1, 32768),
    "pipeline.auto-watermark-interval": duration,
}

_DECIDED = "is decided by the platform; leave it out"
INSTEAD = {
    r"jobmanager\.rpc\.address|jobmanager\.bind-host|taskmanager\.(?:host|bind-host)": _DECIDED,
    r"rest\.(?:address|bind-address|bind-port)|io\.tmp\.dirs": _DECIDED,
    r"web\.(?:upload\.dir|tmpdir)|blob\.storage\.directory|process\.working-dir": _DECIDED,
    r"execution\.target|\$internal\..+|taskmanager\.resource-id": _DECIDED,
    r"env\.(?:log\.dir|pid\.dir|java\.home)": _DECIDED,  # of Flink's scripts, whose environment says it
}
_SIZES = {
    r"taskmanager\.memory\.(?:process|flink)\.size": "cannot be given; give the whole process's workerMemGb",
    r"jobmanager\.memory\.(?:process|flink|heap)\.size": "cannot be given; give the whole process's masterMemory",
}
_BY_CLUSTER = {
    r"rest\.port": "is decided by the cluster that the job runs on; name that in clusterName or clusterId",
    r"high-availability(?:\..+)?": "is decided by the connection; set its flink_ha and flink_storage",
}
INSTEAD_IN_CLUSTER = INSTEAD | {
    r"pipeline\.(?:name|global-job-parameters)": "is of each job; write it in extraCmd"
}
INSTEAD_IN_JOB = INSTEAD | _SIZES | _BY_CLUSTER

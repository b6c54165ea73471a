"""Flink's settings whose values are checked, and those that are decided elsewhere; memory has its own checks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dcluster_provider.core.sizing import MAX_CORES
from dcluster_provider.engines.flink import values


def _count(low: int = 0, high: int = 10**6) -> Callable[[str, str], object]:
    return partial(values.whole_number, low=low, high=high)


KINDS: dict[str, Callable[[str, str], object]] = {
    "parallelism.default": _count(1, 32768),
    "pipeline.max-parallelism": _count(-1, 32768),
    "taskmanager.numberOfTaskSlots": _count(1, 32768),
    "taskmanager.cpu.cores": partial(values.number, low=0.001, high=MAX_CORES),
    "taskmanager.memory.segment-size": values.size,
    "taskmanager.network.memory.buffers-per-channel": _count(),
    "execution.checkpointing.interval": values.duration,
    "execution.checkpointing.timeout": values.duration,
    "execution.checkpointing.min-pause": values.duration,
    "execution.checkpointing.max-concurrent-checkpoints": _count(1),
    "execution.checkpointing.tolerable-failed-checkpoints": _count(),
    "execution.buffer-timeout.interval": values.duration,
    "restart-strategy.fixed-delay.attempts": _count(1, 2**31 - 1),
    "restart-strategy.fixed-delay.delay": values.duration,
    "restart-strategy.failure-rate.delay": values.duration,
    "restart-strategy.failure-rate.failure-rate-interval": values.duration,
    "restart-strategy.failure-rate.max-failures-per-interval": _count(1),
    "restart-strategy.exponential-delay.initial-backoff": values.duration,
    "restart-strategy.exponential-delay.max-backoff": values.duration,
    "heartbeat.interval": values.duration,
    "heartbeat.timeout": values.duration,
    "slot.request.timeout": values.duration,
    "slot.idle.timeout": values.duration,
    "pekko.ask.timeout": values.duration,
    "akka.ask.timeout": values.duration,
    "client.timeout": values.duration,
    "web.timeout": values.duration,
    "table.exec.state.ttl": values.duration,
    "table.exec.mini-batch.allow-latency": values.duration,
    "table.exec.mini-batch.size": _count(-1, 2**31 - 1),
    "table.exec.resource.default-parallelism": _count(-1, 32768),
    "pipeline.auto-watermark-interval": values.duration,
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

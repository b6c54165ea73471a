"""How much of a Spark cluster the executors of one job take, so that jobs on one cluster run side by side.

A standalone master hands every core that is free to the job that comes first, and lends none of them back. A job on a
shared cluster therefore asks for a slice: half of the cluster when it asks for nothing, executors sized by the worker
that they are on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.setting_checks import whole_number
from dcluster_provider.engines.spark.values import core_count, memory_mib

_SHARES = 2  # slices that a cluster, and each of its workers, is cut into
_MIN_EXECUTOR_MIB = 512  # Spark refuses less than 450 MiB
_MASTERS_OWN = (
    "spark.deploy.defaultCores"  # of the cluster: what its master gives to a job that asks for nothing
)
_CORES, _MEMORY = "spark.executor.cores", "spark.executor.memory"
_NUMBER, _TOTAL = "spark.executor.instances", "spark.cores.max"


@dataclass(frozen=True)
class Workers:
    """The workers of a cluster, all alike.

    :param cores: of each.
    :param mib: memory of each, in MiB.
    """

    number: int
    cores: int
    mib: int


def whole_workers(workers: Workers, raw: Mapping[str, str]) -> dict[str, str]:
    """The settings of a job that has the cluster for itself: one executor on each worker, which takes all of it.

    :param raw: engine settings of the cluster and the job.
    :raises InvalidSpec: one of them is no amount.
    """
    settings = {_MEMORY: f"{workers.mib}m", _CORES: str(workers.cores)}
    if _NUMBER in raw:
        cores = core_count(_CORES, raw.get(_CORES, str(workers.cores)))
        settings[_TOTAL] = str(cores * whole_number(_NUMBER, raw[_NUMBER], 1, 100_000))
    return settings


def slice_of(
    workers: Workers, spec: JobSpec, raw: Mapping[str, str], beside_heap_mib: int = 0
) -> dict[str, str]:
    """The settings of a job that shares the cluster: what it asks for, and a fair slice where it does not.

    :param raw: engine settings of the cluster and the job, which come before the job's fields.
    :param beside_heap_mib: what the job's executors need in their slice beside their heap, in MiB.
    :raises InvalidSpec: one of them is no amount.
    """
    asked_cores = core_count(_CORES, raw[_CORES]) if _CORES in raw else spec.worker_cpu
    asked_mib = memory_mib(_MEMORY, raw[_MEMORY]) if _MEMORY in raw else _mib(spec.worker_mem_gb)
    each = executors_on_each(workers, asked_cores, asked_mib, raw)
    cores = asked_cores or workers.cores // each
    own = workers.mib // each
    heap = max(own - beside_heap_mib, min(own, _MIN_EXECUTOR_MIB))
    settings = {_CORES: str(cores), _MEMORY: f"{asked_mib or heap}m"}
    if _NUMBER in raw:
        settings[_TOTAL] = str(cores * whole_number(_NUMBER, raw[_NUMBER], 1, 100_000))
    elif spec.num_workers is not None:
        settings[_TOTAL] = str(spec.num_workers * (asked_cores or workers.cores))
    elif _MASTERS_OWN not in raw:
        settings[_TOTAL] = str(cores * -(-workers.number * each // _SHARES))
    return settings


def executors_on_each(
    workers: Workers, asked_cores: int | None, asked_mib: int | None, raw: Mapping[str, str]
) -> int:
    """How many executors are on one worker side by side.

    :param asked_cores: that an executor is to have; none means a slice of its worker.
    :param asked_mib: the same of its memory, in MiB.
    """
    task_cores = core_count("spark.task.cpus", raw.get("spark.task.cpus", "1"))
    each = _SHARES if asked_cores is None else workers.cores // asked_cores
    each = min(each, workers.cores // task_cores, workers.mib // (asked_mib or _MIN_EXECUTOR_MIB))
    return max(1, min(each, workers.cores))


def asked_alone(spec: JobSpec, raw: Mapping[str, str]) -> dict[str, str]:
    """The settings of a job on a cluster that somebody else runs, whose size nobody knows: only what it asks for.

    :param raw: engine settings of the job, which come before its fields.
    :raises InvalidSpec: one of them is no amount.
    """
    settings = {_MEMORY: f"{_mib(spec.worker_mem_gb) or 1024}m"}
    counts = spec.num_workers is not None or spec.max_workers is not None
    cores = core_count(_CORES, raw[_CORES]) if _CORES in raw else spec.worker_cpu
    if cores is not None or counts:  # without it an executor takes all cores of its worker
        settings[_CORES] = str(cores or 1)
    if spec.num_workers is not None:
        settings[_TOTAL] = str(spec.num_workers * (cores or 1))
    return settings


def _mib(gib: float | None) -> int | None:
    return None if gib is None else max(1, round(gib * 1024))

"""How large Spark's processes are, by whatever setting says so: what their pods and workers have to hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.sizing import MIB, memory_bytes, whole_cores
from dcluster_provider.engines.spark.sharing import Workers, executors_on_each
from dcluster_provider.engines.spark.values import core_count, factor, memory_mib

# Of a cluster: the heap of each worker's own process, beside those of its executors. Spark has no such setting.
WORKER_HEAP = "spark.dcluster.workerDaemonMemory"
_WORKER_HEAP_MIB, _MIN_WORKER_HEAP_MIB = 512, 192
_MIN_OVERHEAD_MIB = 384
PYTHON_OVERHEAD = 0.4  # of a driver with Python beside it, as a share of its heap
_LEGACY_FACTOR = "spark.kubernetes.memoryOverheadFactor"
# Of executors, beside their heap: their workers are made for these.
BESIDE_HEAP = (
    "spark.executor.memoryOverhead",
    "spark.executor.memoryOverheadFactor",
    "spark.executor.pyspark.memory",
    "spark.memory.offHeap.enabled",
    "spark.memory.offHeap.size",
    _LEGACY_FACTOR,
)


@dataclass(frozen=True)
class ProcessSize:
    """What a process needs.

    :param heap_mib: of its JVM.
    :param mib: of all of it.
    """

    heap_mib: int
    mib: int
    cores: int


def overhead(heap_mib: int, share: float = 0.1) -> int:
    """What a JVM needs beside its heap, in MiB, as Spark reckons it on Kubernetes."""
    return max(_MIN_OVERHEAD_MIB, int(heap_mib * share))


def driver_size(settings: Mapping[str, str], *, is_python: bool) -> ProcessSize:
    """The size of a driver.

    :param settings: of its job, all of them.
    :param is_python: Python works beside its JVM.
    :raises InvalidSpec: one of them is no amount.
    """
    heap = memory_mib("spark.driver.memory", settings["spark.driver.memory"])
    beside = _overhead(settings, "driver", heap, PYTHON_OVERHEAD if is_python else 0.1)
    return ProcessSize(
        heap, heap + beside, core_count("spark.driver.cores", settings.get("spark.driver.cores", "1"))
    )


def worker_pod_mib(spec: ClusterSpec) -> int:
    """What the pod of a worker has to hold: its executors, what they need beside their heap, and its own process."""
    mib = memory_bytes(spec.worker_memory) // MIB
    workers = Workers(spec.workers, whole_cores(spec.worker_cpu), mib)
    number = 1 if spec.single_job else executors_on_each(workers, None, None, spec.extra_configs)
    each = _overhead(spec.extra_configs, "executor", mib // number, 0.1)
    beside = max(overhead(mib), number * each) + number * _off_heap(spec.extra_configs)
    return mib + beside + worker_heap_mib(spec)


def worker_heap_mib(spec: ClusterSpec) -> int:
    """The heap of a worker's own process, in MiB."""
    given = spec.extra_configs.get(WORKER_HEAP)
    return max(_MIN_WORKER_HEAP_MIB, memory_mib(WORKER_HEAP, given)) if given else _WORKER_HEAP_MIB


def beside_heap_mib(settings: Mapping[str, str], heap_mib: int) -> int:
    """What settings say that an executor needs beside its heap; 0 when they say nothing of it."""
    wanted = _off_heap(settings)
    if any(name in settings for name in BESIDE_HEAP[:2]):
        wanted += _overhead(settings, "executor", heap_mib, 0.1)
    return wanted


def _overhead(settings: Mapping[str, str], role: str, heap_mib: int, default: float) -> int:
    given = f"spark.{role}.memoryOverhead"
    if given in settings:
        return memory_mib(given, settings[given])
    for name in (f"{given}Factor", _LEGACY_FACTOR):
        if name in settings:
            return overhead(heap_mib, factor(name, settings[name]))
    return overhead(heap_mib, default)


def _off_heap(settings: Mapping[str, str]) -> int:
    python = settings.get("spark.executor.pyspark.memory", "0")
    wanted = memory_mib("spark.executor.pyspark.memory", python)
    if settings.get("spark.memory.offHeap.enabled") == "true":
        wanted += memory_mib("spark.memory.offHeap.size", settings.get("spark.memory.offHeap.size", "0"), "b")
    return wanted

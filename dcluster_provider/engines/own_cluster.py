"""The cluster that a job gets when it names none: sized by the job's fields, and by its engine settings before them."""

from __future__ import annotations

from collections.abc import Mapping

from dcluster_provider.core.sizing import MIB, memory_bytes
from dcluster_provider.core.spec import ClusterSpec, JobSpec
from dcluster_provider.engines.spark_sizes import BESIDE_HEAP, WORKER_HEAP
from dcluster_provider.engines.spark_values import core_count, memory_mib, whole_number

_OF_FLINKS_PROCESSES = ("taskmanager.", "jobmanager.", "env.java.opts.")


def own_cluster(spec: JobSpec) -> ClusterSpec:
    """The cluster of a job's own.

    :raises InvalidSpec: a setting that sizes it is no amount.
    """
    sized = _flink(spec.extra_cmd) if spec.engine == "flink" else _spark(spec)
    return ClusterSpec.model_validate(spec.own_cluster().model_dump() | sized)


def is_of_flinks_processes(setting: str) -> bool:
    """Whether a setting of Flink is of JobManagers and TaskManagers, so that it has to be there when they start."""
    return setting.startswith(_OF_FLINKS_PROCESSES)


def _flink(given: Mapping[str, str]) -> dict[str, object]:
    return {"extra_configs": {name: value for name, value in given.items() if is_of_flinks_processes(name)}}


def _spark(spec: JobSpec) -> dict[str, object]:
    given = spec.extra_cmd
    configs = {name: given[name] for name in BESIDE_HEAP if name in given}
    if spec.worker_daemon_memory is not None:
        configs[WORKER_HEAP] = f"{memory_bytes(spec.worker_daemon_memory) // MIB}m"
    sized: dict[str, object] = {"extra_configs": configs}
    if "spark.executor.memory" in given:
        mib = memory_mib("spark.executor.memory", given["spark.executor.memory"])
        sized["worker_memory"] = f"{max(1, mib)}Mi"
    if "spark.executor.cores" in given:
        sized["worker_cpu"] = str(core_count("spark.executor.cores", given["spark.executor.cores"]))
    if "spark.executor.instances" in given and spec.num_workers is None:
        sized["workers"] = whole_number(
            "spark.executor.instances", given["spark.executor.instances"], 1, 1000
        )
    return sized

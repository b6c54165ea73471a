"""Spark's checks, sizes and load."""

from __future__ import annotations

from collections.abc import Mapping

from dcluster_provider.core.addresses import StorageEndpoint
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.sizing import MIB, memory_bytes
from dcluster_provider.engines.base import NO_SETTINGS
from dcluster_provider.engines.rest import EngineRest
from dcluster_provider.engines.setting_checks import check_fixed, check_values, whole_number
from dcluster_provider.engines.spark.conf import check_sizes
from dcluster_provider.engines.spark.dependencies import check_settings
from dcluster_provider.engines.spark.known_settings import DECIDED, INSTEAD, INSTEAD_ON_OURS, KINDS
from dcluster_provider.engines.spark.master import is_busy, request_state, workers_alive
from dcluster_provider.engines.spark.sizes import BESIDE_HEAP, WORKER_HEAP
from dcluster_provider.engines.spark.storage import storage_settings
from dcluster_provider.engines.spark.values import core_count, memory_mib


class SparkEngine:
    """See :class:`~dcluster_provider.engines.base.Engine` for the methods."""

    def check_cluster(self, spec: ClusterSpec, fixed: Mapping[str, str] = NO_SETTINGS) -> None:
        """Reject wrong settings, and workers that are too small for an executor."""
        check_fixed("extraConfigs", spec.extra_configs, fixed)
        check_fixed("extraConfigs", spec.extra_configs, DECIDED)
        check_values("extraConfigs", spec.extra_configs, KINDS, INSTEAD | INSTEAD_ON_OURS)
        check_sizes(spec)

    def check_job(self, spec: JobSpec, fixed: Mapping[str, str] = NO_SETTINGS) -> None:
        """Reject wrong settings, and those that only whoever runs the cluster may choose."""
        check_settings(spec)
        if spec.max_workers is not None and "spark.executor.instances" in spec.extra_cmd:
            raise InvalidSpec(
                "field extraCmd: spark.executor.instances is a fixed number of executors, and maxWorkers lets it "
                "change; write numWorkers for the number that the job begins with"
            )
        check_fixed("extraCmd", spec.extra_cmd, fixed)
        check_values("extraCmd", spec.extra_cmd, KINDS, INSTEAD)
        if not spec.use_external_cluster:
            check_fixed("extraCmd", spec.extra_cmd, DECIDED)
            check_values("extraCmd", spec.extra_cmd, {}, INSTEAD_ON_OURS)

    def storage_settings(self, endpoint: StorageEndpoint) -> dict[str, str]:
        """The settings of the file system that reads S3."""
        return storage_settings(endpoint)

    def own_cluster(self, spec: JobSpec) -> ClusterSpec:
        """A cluster whose workers are the executors that the settings ask for."""
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
        if "spark.executor.instances" in given and spec.num_workers is None and spec.max_workers is None:
            instances = given["spark.executor.instances"]
            sized["workers"] = whole_number("spark.executor.instances", instances, 1, 1000)
        return ClusterSpec.model_validate(spec.own_cluster().model_dump() | sized)

    def count_workers(self, rest: EngineRest) -> int:
        """How many workers are alive and not about to leave."""
        return workers_alive(request_state(rest))

    def is_busy(self, rest: EngineRest) -> bool:
        """Whether the master has an application or a driver."""
        return is_busy(request_state(rest))

"""Flink's checks, sizes and load."""

from __future__ import annotations

from collections.abc import Mapping

from dcluster_provider.core.addresses import StorageEndpoint
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.base import NO_SETTINGS
from dcluster_provider.engines.flink import rest as flink_rest
from dcluster_provider.engines.flink.conf import divisions
from dcluster_provider.engines.flink.dependencies import check_settings
from dcluster_provider.engines.flink.known_settings import INSTEAD_IN_CLUSTER, INSTEAD_IN_JOB, KINDS
from dcluster_provider.engines.flink.storage import storage_settings
from dcluster_provider.engines.rest import EngineRest
from dcluster_provider.engines.setting_checks import check_fixed, check_values

_OF_PROCESSES = ("taskmanager.", "jobmanager.", "env.java.opts.")


class FlinkEngine:
    """See :class:`~dcluster_provider.engines.base.Engine` for the methods."""

    def check_cluster(self, spec: ClusterSpec, fixed: Mapping[str, str] = NO_SETTINGS) -> None:
        """Reject wrong settings, and memory that cannot be divided among what a process keeps in it."""
        check_fixed("extraConfigs", spec.extra_configs, fixed)
        check_values("extraConfigs", spec.extra_configs, KINDS, INSTEAD_IN_CLUSTER)
        divisions(spec)

    def check_job(self, spec: JobSpec, fixed: Mapping[str, str] = NO_SETTINGS) -> None:
        """Reject wrong settings, and those that JobManagers and TaskManagers read only when they start."""
        check_settings(spec)
        check_fixed("extraCmd", spec.extra_cmd, fixed)
        check_values("extraCmd", spec.extra_cmd, KINDS, INSTEAD_IN_JOB)
        if not (spec.names_cluster or spec.use_external_cluster):
            return
        for name in spec.extra_cmd:
            if name.startswith(_OF_PROCESSES):
                raise InvalidSpec(
                    f"field extraCmd: {name} is read when a JobManager or TaskManager starts, and those of the "
                    "cluster run already; write it in extraConfigs when the cluster is launched"
                )

    def storage_settings(self, endpoint: StorageEndpoint) -> dict[str, str]:
        """The settings of the file system that reads S3."""
        return storage_settings(endpoint)

    def own_cluster(self, spec: JobSpec) -> ClusterSpec:
        """A cluster with those of the job's settings that its processes read when they start."""
        configs = {name: value for name, value in spec.extra_cmd.items() if name.startswith(_OF_PROCESSES)}
        return ClusterSpec.model_validate(spec.own_cluster().model_dump() | {"extra_configs": configs})

    def count_workers(self, rest: EngineRest) -> int:
        """How many TaskManagers are registered."""
        return int(flink_rest.overview(rest)["taskmanagers"])

    def is_busy(self, rest: EngineRest) -> bool:
        """Whether the JobManager has a job that has not ended."""
        return flink_rest.is_busy(rest)

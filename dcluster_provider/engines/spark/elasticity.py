"""What Spark is told so that a cluster can be resized under its jobs, and so that executors come and go."""

from __future__ import annotations

from collections.abc import Mapping

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.job_spec import JobSpec

_CORES, _TOTAL = "spark.executor.cores", "spark.cores.max"
_NUMBER, _DYNAMIC = "spark.executor.instances", "spark.dynamicAllocation."
# An executor that has to leave finishes its tasks, and gives cached and shuffled blocks to the others.
_DECOMMISSION = {
    "spark.decommission.enabled": "true",
    "spark.storage.decommission.enabled": "true",
    "spark.storage.decommission.rddBlocks.enabled": "true",
    "spark.storage.decommission.shuffleBlocks.enabled": "true",
    # It leaves after a look for blocks that is later than its last task; by default there is one in 30 seconds.
    "spark.storage.decommission.replicationReattemptInterval": "2s",
}


def decommission_settings(spec: ClusterSpec) -> dict[str, str]:
    """The settings with which the processes of an elastic cluster, and its jobs, survive that it gets smaller."""
    return dict(_DECOMMISSION) if spec.is_elastic else {}


def executor_bounds(
    spec: JobSpec, cluster: ClusterSpec | None, settings: Mapping[str, str], worker_cores: int
) -> dict[str, str]:
    """The settings of a job whose number of executors changes; empty for another one.

    It is one that says so, and on an elastic cluster one that says nothing of its number of executors.

    :param cluster: none for one that somebody else runs.
    :param settings: of the job, with the size of its executors.
    :param worker_cores: that it counts as one worker.
    """
    cores = int(settings.get(_CORES, worker_cores))
    each = max(1, worker_cores // cores)
    if spec.max_workers is not None:
        least, most = (spec.min_workers or 1) * each, spec.max_workers * each
        first = (spec.num_workers or spec.min_workers or 1) * each
        return _dynamic(least, most, first) | {_TOTAL: str(most * cores)}
    says = spec.num_workers is not None or any(name.startswith((_NUMBER, _DYNAMIC)) for name in settings)
    if cluster is not None and cluster.is_elastic and not says and _TOTAL in settings:
        return _dynamic(1, max(1, int(settings[_TOTAL]) // cores), 1)
    return {}


def _dynamic(least: int, most: int, first: int) -> dict[str, str]:
    # Nothing but executors keeps shuffled blocks here, so Spark has to know who holds which.
    return {
        "spark.dynamicAllocation.enabled": "true",
        "spark.dynamicAllocation.shuffleTracking.enabled": "true",
        "spark.dynamicAllocation.minExecutors": str(least),
        "spark.dynamicAllocation.maxExecutors": str(most),
        "spark.dynamicAllocation.initialExecutors": str(first),
    }

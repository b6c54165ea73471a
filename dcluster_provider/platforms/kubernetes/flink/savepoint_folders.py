"""Where savepoints of jobs in pods go."""

from __future__ import annotations

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.flink.savepoints import SAVEPOINT_FOLDER, savepoint_folder
from dcluster_provider.platforms.kubernetes.flink.manifests import cluster_settings
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings


def job_savepoint_folder(settings: KubernetesSettings, job: Job, cluster: Cluster) -> str:
    """The folder that savepoints of a job go to: the connection's flink_storage, unless a setting names one.

    :raises InvalidSpec: a setting names one that cannot be, or none does and somebody else runs the cluster.
    """
    if not cluster.is_external:
        return savepoint_folder(job, cluster_settings(settings, cluster))
    folder = savepoint_folder(job, {})
    if not folder:
        raise InvalidSpec(
            f"field savepoint: nothing says where savepoints of {job} go, and somebody else runs its cluster; set "
            f"{SAVEPOINT_FOLDER} in extraCmd of the job"
        )
    return folder

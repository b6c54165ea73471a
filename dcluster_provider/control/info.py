"""Everything that is known of a cluster or job, as one JSON object."""

from __future__ import annotations

from typing import Any

from dcluster_provider.control.settings import Settings
from dcluster_provider.core.record import Cluster, Job


def job_info(job: Job, cluster: Cluster, settings: Settings) -> dict[str, Any]:
    """JobsTableEntity's fields with the name of the cluster that the job runs on, its state, times and links.

    A link that there is not is empty.
    """
    return job.as_json() | {
        "clusterName": cluster.name,
        "links": {
            "engine": job.ui_url or cluster.ui_url,
            "log": settings.job_log_url(job.id),
            "grafana": settings.grafana.of_job(job, cluster),
        },
    }


def cluster_info(cluster: Cluster, settings: Settings) -> dict[str, Any]:
    """ClusterEntity's fields with what is known of the cluster and its links."""
    return cluster.as_json() | {
        "links": {"engine": cluster.ui_url, "grafana": settings.grafana.of_cluster(cluster)},
    }

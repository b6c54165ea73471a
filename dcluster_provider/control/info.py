"""Clusters and jobs as JSON objects, with the addresses of their pages and logs."""

from __future__ import annotations

from typing import Any

from dcluster_provider.control.settings import Settings
from dcluster_provider.core.record import Cluster, Job


def job_info(job: Job, cluster: Cluster, settings: Settings) -> dict[str, Any]:
    """JobsTableEntity's fields with the cluster's name, the job's state, times and links.

    A link without an address is empty.
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
    """ClusterEntity's fields with the cluster's state, times and links."""
    return cluster.as_json() | {
        "links": {"engine": cluster.ui_url, "grafana": settings.grafana.of_cluster(cluster)},
    }

"""Records of clusters and jobs: changed while other processes change them, too, and shown with their addresses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, TypeVar

from dcluster_provider.control.settings import Settings
from dcluster_provider.core.errors import StaleRecord
from dcluster_provider.core.record import Cluster, Job

# A stale save means that another process changed the record; it has finitely many states to pass through.
_ATTEMPTS = 100

Record = TypeVar("Record", Cluster, Job)


def utc_now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(timezone.utc)


def save_change(
    before: Record,
    change: Callable[[Record, datetime], Record],
    read: Callable[[int], Record],
    save: Callable[[Record], Record],
) -> Record:
    """Change a record and save it; if another process saved it meanwhile, read it and apply the change again.

    :param change: makes the new record of the present one and the current time; the same object means that nothing has
        to be saved.
    :param read: reads a record by its id.
    :param save: saves a record unless it is stale.
    :raises StaleRecord: other processes saved first every time.
    """
    for _ in range(_ATTEMPTS):
        after = change(before, utc_now())
        if after is before:
            return before
        try:
            return save(after)
        except StaleRecord:
            before = read(before.id)
    raise StaleRecord(f"{before} was changed by other processes {_ATTEMPTS} times in a row; try again")


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

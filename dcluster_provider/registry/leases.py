"""Leases: a live job is a lease of its cluster, which is not terminated as idle while one is held.

Both sides lock the cluster's row before they decide: either a job is claimed on the cluster, which then cannot be
terminated without force, or the cluster is terminating and takes no more jobs; never both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import NamedTuple

from dcluster_provider.core.errors import ClusterTerminating
from dcluster_provider.core.record import LIVE_JOB_STATES, Cluster, ClusterState, Job
from dcluster_provider.registry.models import cluster_table, job_table
from dcluster_provider.registry.queries import live_rows, row_of
from dcluster_provider.registry.rows import cluster_of, job_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class Termination(NamedTuple):
    """The answer to a request to terminate a cluster unless it is used.

    :param cluster: the cluster as it is now: TERMINATING or final, unless ``users`` keep it.
    :param users: the live jobs that keep it, newest first.
    """

    cluster: Cluster
    users: tuple[Job, ...]


def reject_terminating_cluster(connection: Connection, cluster_id: int) -> None:
    """Keep a cluster from being terminated as idle until the transaction ends.

    :raises ClusterTerminating: the cluster is terminating or has ended.
    """
    row = row_of(connection, cluster_table, cluster_id, locked=True)
    if row is not None and ClusterState(row.state).is_ending:
        cluster = cluster_of(row)
        raise ClusterTerminating(
            f"{cluster} is {cluster.state.value} and takes no new job; name one that is live"
        )


def live_jobs_on(connection: Connection, cluster_id: int, run: tuple[str, str] | None) -> tuple[Job, ...]:
    """The live jobs on a cluster, newest first, without those of a DAG run (``dag_id``, ``run_id``)."""
    rows = live_rows(connection, job_table, {"cluster_id": cluster_id}, LIVE_JOB_STATES)
    return tuple(job_of(row) for row in rows if run is None or (row.owner_dag_id, row.owner_run_id) != run)

"""Leases: a live job is the lease of its cluster, which is not terminated for being idle while one is held.

Both sides lock the cluster's row before they decide: a job is claimed on a cluster that then cannot be ended unless
by force, or the cluster is being ended and takes no more jobs; never both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import NamedTuple

from dcluster_provider.core.errors import ClusterEnding
from dcluster_provider.core.record import LIVE_JOB_STATES, Cluster, ClusterState, Job
from dcluster_provider.registry.models import cluster_table, job_table
from dcluster_provider.registry.queries import live_rows, row_of
from dcluster_provider.registry.rows import cluster_of, job_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class Termination(NamedTuple):
    """The answer to a request to terminate a cluster unless it is used.

    :param cluster: as it is now: TERMINATING or final, unless ``users`` hold it.
    :param users: the live jobs that keep it, newest first.
    """

    cluster: Cluster
    users: tuple[Job, ...]


def reject_ending_cluster(connection: Connection, cluster_id: int) -> None:
    """Keep the cluster from being terminated as idle until the transaction is over.

    :raises ClusterEnding: it is being ended, or has ended.
    """
    row = row_of(connection, cluster_table, cluster_id, locked=True)
    if row is not None and ClusterState(row.state).is_ending:
        cluster = cluster_of(row)
        raise ClusterEnding(f"{cluster} is {cluster.state.value} and takes no new job; name one that is live")


def live_jobs_on(connection: Connection, cluster_id: int, run: tuple[str, str] | None) -> tuple[Job, ...]:
    """The live jobs on a cluster, newest first, without those of a DAG run (``dag_id``, ``run_id``)."""
    rows = live_rows(connection, job_table, {"cluster_id": cluster_id}, LIVE_JOB_STATES)
    return tuple(job_of(row) for row in rows if run is None or (row.owner_dag_id, row.owner_run_id) != run)

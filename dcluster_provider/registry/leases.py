"""Leases: a live job is the lease of its cluster, which nobody ends politely while one is held.

Both sides lock the cluster's row before they decide: a job is claimed on a cluster that then cannot be ended unless
by force, or the cluster is being ended and takes no more jobs; never both.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import update
from typing_extensions import NamedTuple

from dcluster_provider.core.errors import ClusterEnding
from dcluster_provider.core.record import LIVE_JOB_STATES, Cluster, ClusterState, Job
from dcluster_provider.core.state import end_cluster
from dcluster_provider.registry.clusters import no_cluster
from dcluster_provider.registry.connected import Connected
from dcluster_provider.registry.events import add_event
from dcluster_provider.registry.models import cluster_table, job_table
from dcluster_provider.registry.queries import live_rows, row_of
from dcluster_provider.registry.rows import cluster_changes, cluster_of, job_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class PoliteEnd(NamedTuple):
    """The answer to a polite request for a cluster's end.

    :param cluster: as it is now: TERMINATING or final, unless ``users`` hold it.
    :param users: the live jobs that keep it, newest first.
    """

    cluster: Cluster
    users: tuple[Job, ...]


class LeaseStore(Connected):
    """What keeps the clusters of a registry from being ended."""

    def end_unless_used(
        self, cluster_id: int, now: datetime, *, run: tuple[str, str] | None = None, actor: str = ""
    ) -> PoliteEnd:
        """Make a cluster TERMINATING unless a live job is on it, decided and saved in one transaction.

        :param run: a DAG run (``dag_id``, ``run_id``) whose own jobs do not count.
        :param actor: who asks, for the event.
        :raises NotFound: there is no such cluster.
        """
        with self._write() as connection:
            row = row_of(connection, cluster_table, cluster_id, locked=True)
            if row is None:
                raise no_cluster(cluster_id)
            cluster = cluster_of(row)
            after = end_cluster(cluster, now)
            if after is cluster:
                return PoliteEnd(cluster, ())
            users = _users(connection, cluster_id, run)
            if users:
                return PoliteEnd(cluster, users)
            saved = replace(after, version=cluster.version + 1)
            connection.execute(
                update(cluster_table).where(cluster_table.c.id == cluster_id), cluster_changes(saved)
            )
            add_event(connection, saved, now, actor, saved.state.value)
            return PoliteEnd(saved, ())


def refuse_ending_cluster(connection: Connection, cluster_id: int) -> None:
    """Keep the cluster from being ended politely until the transaction is over.

    :raises ClusterEnding: it is being ended, or has ended.
    """
    row = row_of(connection, cluster_table, cluster_id, locked=True)
    if row is not None and ClusterState(row.state).is_ending:
        cluster = cluster_of(row)
        raise ClusterEnding(f"{cluster} is {cluster.state.value} and takes no new job; name one that is live")


def _users(connection: Connection, cluster_id: int, run: tuple[str, str] | None) -> tuple[Job, ...]:
    rows = live_rows(connection, job_table, {"cluster_id": cluster_id}, LIVE_JOB_STATES)
    return tuple(job_of(row) for row in rows if run is None or (row.owner_dag_id, row.owner_run_id) != run)

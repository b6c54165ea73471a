"""What a cluster check asks of the registry: pages of what is live, and the clusters that nobody knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, insert, select, update

from dcluster_provider.core.record import LIVE_JOB_STATES, Cluster, ClusterState, Job, JobState
from dcluster_provider.registry.connected import Connected
from dcluster_provider.registry.engine import lock
from dcluster_provider.registry.models import cluster_table, job_table, unknown_cluster_table
from dcluster_provider.registry.queries import chunks, page_of
from dcluster_provider.registry.rows import cluster_of, job_of

_LIVE_CLUSTERS = tuple(state for state in ClusterState if not state.is_final)
_ENDED_JOBS = tuple(state for state in JobState if state.is_final)


@dataclass(frozen=True)
class Scope:
    """Whose clusters and jobs are meant: those that one deployment has made through one connection."""

    deployment: str
    conn_id: str


class UpkeepStore(Connected):
    """What upkeep reads and remembers in a registry."""

    def live_clusters(self, scope: Scope, *, after_id: int = 0, limit: int = 500) -> list[Cluster]:
        """A page of the clusters that have not ended, newest first.

        :param after_id: the last id of the page before; 0 begins with the newest.
        """
        with self._read() as connection:
            rows = page_of(
                connection,
                cluster_table,
                asdict(scope),
                _LIVE_CLUSTERS,
                after_id=after_id,
                limit=limit,
            )
        return [cluster_of(row) for row in rows]

    def live_jobs(
        self,
        scope: Scope,
        states: Sequence[JobState] = LIVE_JOB_STATES,
        *,
        after_id: int = 0,
        limit: int = 500,
    ) -> list[Job]:
        """A page of the jobs in some states, newest first; ``after_id`` as for :meth:`live_clusters`."""
        with self._read() as connection:
            rows = page_of(connection, job_table, asdict(scope), states, after_id=after_id, limit=limit)
        return [job_of(row) for row in rows]

    def clusters_with_live_jobs(self, cluster_ids: Iterable[int]) -> set[int]:
        """Those of these clusters that a live job is on."""
        return {row.cluster_id for row in self._jobs_on(cluster_ids, LIVE_JOB_STATES, owned=False)}

    def ended_own_jobs(self, cluster_ids: Iterable[int]) -> dict[int, Job]:
        """The newest ended job of each of these clusters that was launched for a job, by the cluster's id."""
        rows = self._jobs_on(cluster_ids, _ENDED_JOBS, owned=True)
        return {row.cluster_id: job_of(row) for row in sorted(rows, key=lambda row: int(row.id))}

    def clusters_by_name(self, names: Iterable[str]) -> dict[str, tuple[int, ClusterState]]:
        """The id and state of each cluster that has one of these names."""
        columns = cluster_table.c
        found: dict[str, tuple[int, ClusterState]] = {}
        with self._read() as connection:
            for chunk in chunks(names):
                query = select(columns.name, columns.id, columns.state).where(columns.name.in_(chunk))
                found.update(
                    {row.name: (row.id, ClusterState(row.state)) for row in connection.execute(query)}
                )
        return found

    def see_busy(self, cluster_ids: Iterable[int], now: datetime) -> None:
        """Count clusters as used now although no job of the registry is on them: their engines are at work."""
        columns = cluster_table.c
        with self._write() as connection:
            for chunk in chunks(cluster_ids):
                changed = update(cluster_table).where(columns.id.in_(chunk), columns.job_seen_at < now)
                connection.execute(changed, {"job_seen_at": now})

    def unknown_clusters(self, scope: Scope) -> dict[str, datetime]:
        """The clusters that a platform had and the registry did not know, each with the time it was first seen."""
        table = unknown_cluster_table
        query = select(table.c.name, table.c.first_seen_at).where(*_of_scope(table, scope))
        with self._read() as connection:
            return {row.name: row.first_seen_at for row in connection.execute(query)}

    def see_unknown(self, scope: Scope, names: Iterable[str], now: datetime) -> dict[str, datetime]:
        """Remember clusters that the registry does not know, those that were remembered before as they were.

        :returns: when each of them was first seen.
        """
        table = unknown_cluster_table
        wanted = list(dict.fromkeys(names))
        with self._write() as connection:
            lock(connection, (table.name, scope.deployment, scope.conn_id))
            query = select(table.c.name, table.c.first_seen_at).where(*_of_scope(table, scope))
            known = {row.name: row.first_seen_at for row in connection.execute(query)}
            fresh = [name for name in wanted if name not in known]
            if fresh:
                same = {"deployment": scope.deployment, "conn_id": scope.conn_id, "first_seen_at": now}
                connection.execute(insert(table), [{**same, "name": name} for name in fresh])
        return {name: known.get(name, now) for name in wanted}

    def forget_unknown(self, scope: Scope, names: Iterable[str]) -> None:
        """Forget clusters that are gone, or known by now."""
        table = unknown_cluster_table
        with self._write() as connection:
            for chunk in chunks(names):
                connection.execute(delete(table).where(*_of_scope(table, scope), table.c.name.in_(chunk)))

    def _jobs_on(self, cluster_ids: Iterable[int], states: Sequence[JobState], *, owned: bool) -> list[Any]:
        columns = job_table.c
        values = [state.value for state in states]
        shown = [job_table] if owned else [columns.cluster_id]
        rows: list[Any] = []
        with self._read() as connection:
            for chunk in chunks(cluster_ids):
                query = select(*shown).where(columns.cluster_id.in_(chunk), columns.state.in_(values))
                if owned:
                    query = query.where(columns.owns_cluster.is_(True))
                rows += connection.execute(query)
        return rows


def _of_scope(table: Table, scope: Scope) -> list[Any]:
    return [table.c.deployment == scope.deployment, table.c.conn_id == scope.conn_id]

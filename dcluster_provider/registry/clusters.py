"""The clusters of the registry."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from dcluster_provider.core.errors import NotFound, StaleRecord
from dcluster_provider.core.explain import nearest
from dcluster_provider.core.identity import Owner, cluster_name
from dcluster_provider.core.record import Cluster, ClusterState
from dcluster_provider.core.spec import ClusterSpec
from dcluster_provider.registry.connected import Claim, Connected
from dcluster_provider.registry.engine import lock
from dcluster_provider.registry.events import add_event
from dcluster_provider.registry.identity import registry_id_of
from dcluster_provider.registry.models import cluster_table as table
from dcluster_provider.registry.queries import (
    every_row,
    insert_row,
    latest_of_key,
    live_rows_of_older_epochs,
    page_of,
    row_of,
    rows_of,
)
from dcluster_provider.registry.rows import cluster_changes, cluster_of, cluster_values

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_LIVE = [state for state in ClusterState if not state.is_final]
_USABLE = [state for state in ClusterState if not state.is_ending]
_LIST_COMMAND = "see the known ones with: airflow dcluster clusters list"
_NAMES_COMPARED = 1000


def no_cluster(cluster_id: int) -> NotFound:
    """That there is no cluster of an id."""
    return NotFound(f"There is no cluster {cluster_id}; {_LIST_COMMAND}")


class ClusterStore(Connected):
    """The clusters of a registry."""

    def claim_cluster(
        self,
        *,
        key: str,
        spec: ClusterSpec,
        env: str,
        deployment: str,
        conn_id: str,
        platform: str,
        owner: Owner | None,
        now: datetime,
        place: str = "",
        actor: str = "",
        follow_ending: bool = False,
    ) -> Claim[Cluster]:
        """The cluster that answers the request: its live one, or a new one with a name of its own.

        Whoever asks with the same key gets the same cluster, however many ask at once; only one that has ended
        is followed by another, of the next generation.

        :param env: the environment's name, part of the cluster's name.
        :param place: where the platform makes it.
        :param actor: who asks, for the event; the owner when empty.
        :param follow_ending: one that is being ended is followed by another too, not only one that has ended.
        :returns: the cluster, and whether this call made it.
        """
        with self._write() as connection:
            # All claims, not only the key's: two of them must not choose the same name.
            lock(connection, ("cluster",))
            row = latest_of_key(connection, table, key)
            latest = cluster_of(row) if row else None
            actor = actor or (str(owner) if owner else "")
            if latest is not None and not (
                latest.state.is_ending if follow_ending else latest.state.is_final
            ):
                add_event(connection, latest, now, actor, "ADOPTED")
                return Claim(latest, False)
            cluster = Cluster(
                id=0,
                name=_free_name(connection, spec, env, now),
                key=key,
                generation=latest.generation + 1 if latest else 1,
                version=1,
                deployment=deployment,
                registry_id=registry_id_of(connection),
                conn_id=conn_id,
                platform=platform,
                place=place,
                spec=spec,
                owner=owner,
                state=ClusterState.REQUESTED,
                created_at=now,
                state_since=now,
                job_seen_at=now,
            )
            cluster = replace(cluster, id=insert_row(connection, table, cluster_values(cluster)))
            add_event(connection, cluster, now, actor, cluster.state.value)
            return Claim(cluster, True)

    def get_cluster(self, cluster_id: int) -> Cluster:
        """The cluster with this id.

        :raises NotFound: there is none.
        """
        with self._read() as connection:
            row = row_of(connection, table, cluster_id)
        if row is None:
            raise no_cluster(cluster_id)
        return cluster_of(row)

    def find_cluster(self, name: str) -> Cluster:
        """The cluster with this name.

        :raises NotFound: there is none; the message names the nearest of the newest names.
        """
        with self._read() as connection:
            # Only ASCII is in names, and a database cannot be asked for every other character.
            is_name = name.isascii() and name.isprintable()
            row = connection.execute(select(table).where(table.c.name == name)).first() if is_name else None
            if row is not None:
                return cluster_of(row)
            newest = select(table.c.name).order_by(table.c.id.desc()).limit(_NAMES_COMPARED)
            known = set(connection.execute(newest).scalars())
        raise NotFound(f"There is no cluster named {name!r}{nearest(name, known) or '; ' + _LIST_COMMAND}")

    def get_clusters(self, ids: Iterable[int]) -> list[Cluster]:
        """The clusters with these ids, in their order; an id that no cluster has is left out."""
        with self._read() as connection:
            return [cluster_of(row) for row in rows_of(connection, table, ids)]

    def list_clusters(
        self,
        *,
        states: Collection[ClusterState] | None = None,
        tenant: str | None = None,
        owner_run: tuple[str, str] | None = None,
        owner_dag: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after_id: int = 0,
        limit: int = 1000,
    ) -> list[Cluster]:
        """A page of clusters, newest first.

        :param states: only these; none means all.
        :param owner_run: only those that this DAG run (``dag_id``, ``run_id``) launched.
        :param owner_dag: only those that runs of this DAG launched.
        :param since: only those asked for then or later; ``until`` only those asked for before.
        :param after_id: the last id of the page before; 0 begins with the newest.
        """
        wanted = {"tenant": tenant} if tenant is not None else {}
        if owner_run is not None:
            wanted |= {"owner_dag_id": owner_run[0], "owner_run_id": owner_run[1]}
        if owner_dag is not None:
            wanted["owner_dag_id"] = owner_dag
        if states is None and wanted:
            states = list(ClusterState)
        with self._read() as connection:
            rows = page_of(
                connection, table, wanted, states, after_id=after_id, limit=limit, since=since, until=until
            )
        return [cluster_of(row) for row in rows]

    def every_cluster(self, **wanted: Any) -> Iterator[Cluster]:
        """All clusters that :meth:`list_clusters` lists with these conditions, newest first, read page by page."""
        return every_row(lambda last: self.list_clusters(**wanted, after_id=last))

    def find_long_living(self, tenant: str, engine: str, deployment: str, conn_id: str) -> Cluster | None:
        """The tenant's newest long-living cluster of an engine that is neither ended nor being ended, or nothing."""
        wanted: dict[str, Any] = {"tenant": tenant, "engine": engine, "long_living": True}
        wanted |= {"deployment": deployment, "conn_id": conn_id}
        with self._read() as connection:
            rows = page_of(connection, table, wanted, _USABLE, after_id=0, limit=1)
        return cluster_of(rows[0]) if rows else None

    def live_clusters_of_older_epochs(self, owner: Owner) -> list[Cluster]:
        """What the owner's task still has alive from before a person cleared it, newest first."""
        with self._read() as connection:
            rows = live_rows_of_older_epochs(connection, table, owner, _LIVE)
        return [cluster_of(row) for row in rows]

    def latest_cluster_of_key(self, key: str) -> Cluster | None:
        """The newest generation of the request's cluster, ended or not, or nothing."""
        with self._read() as connection:
            row = latest_of_key(connection, table, key)
        return cluster_of(row) if row else None

    def save_cluster(self, cluster: Cluster, *, actor: str = "", action: str = "") -> Cluster:
        """Save what changed of a cluster, unless somebody else saved it since it was read.

        A change of state is recorded as an event. What was asked for (key, name, specification, owner) does
        not change, and ``job_seen_at`` only by its jobs.

        :param actor: who did it, for the event.
        :param action: what was done, for the event; the new state when empty.
        :returns: the cluster as saved, with its new version.
        :raises StaleRecord: another process saved it first; nothing was changed.
        :raises NotFound: it was never in this registry.
        """
        columns = select(table.c.version, table.c.state, table.c.job_seen_at)
        with self._write() as connection:
            stored = connection.execute(columns.where(table.c.id == cluster.id).with_for_update()).first()
            if stored is None:
                raise NotFound(f"There is no {cluster}; {_LIST_COMMAND}")
            if stored.version != cluster.version:
                raise StaleRecord(
                    f"{cluster} was saved by another process (version {stored.version}, here {cluster.version}); "
                    "read it again and decide anew"
                )
            saved = replace(cluster, version=cluster.version + 1, job_seen_at=stored.job_seen_at)
            connection.execute(update(table).where(table.c.id == cluster.id), cluster_changes(saved))
            if stored.state != saved.state.value:
                add_event(connection, saved, saved.state_since, actor, action or saved.state.value)
        return saved


def _free_name(connection: Connection, spec: ClusterSpec, env: str, now: datetime) -> str:
    at = now
    while True:
        name = cluster_name(spec.type, env, spec.tenant, at, spec.cluster_suffix)
        if connection.execute(select(table.c.id).where(table.c.name == name)).first() is None:
            return name
        at += timedelta(milliseconds=1)

"""The cluster store: claims, reads and saves the clusters of the registry, and records orphaned ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import NotFound, nearest
from dcluster_provider.core.identity import Owner, cluster_name
from dcluster_provider.core.record import Cluster, ClusterState
from dcluster_provider.core.state import end_cluster, resize_cluster
from dcluster_provider.registry.database import Store
from dcluster_provider.registry.engine import lock
from dcluster_provider.registry.events import add_event
from dcluster_provider.registry.identity import registry_id_of
from dcluster_provider.registry.models import cluster_table as table
from dcluster_provider.registry.models import orphaned_cluster_table as orphan_table
from dcluster_provider.registry.queries import chunks, insert_row, latest_of_key, row_of
from dcluster_provider.registry.records import (
    Claim,
    RecordStore,
    Scope,
    Termination,
    conditions_of_owner,
    in_scope,
    iterate,
    live_jobs_on,
)
from dcluster_provider.registry.rows import cluster_changes, cluster_of, cluster_values

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_USABLE = [state for state in ClusterState if not state.is_ending]
_NAMES_COMPARED = 1000


class ClusterStore(RecordStore[Cluster]):
    """The clusters of a registry."""

    kind = "cluster"
    table = table
    live_states = tuple(state for state in ClusterState if not state.is_final)
    record_of = staticmethod(cluster_of)
    changes_of = staticmethod(cluster_changes)

    def claim(
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
        location: str = "",
        actor: str = "",
        replace_terminating: bool = False,
    ) -> Claim[Cluster]:
        """Claim the cluster of a request: its live one, or a new one with a unique name.

        Every caller with the same key gets the same cluster, however many call at once. A cluster that has ended is
        replaced by one of the next generation.

        :param env: the environment, part of the cluster's name.
        :param location: where the platform makes it.
        :param actor: who requests it, for the event; the owner when empty.
        :param replace_terminating: replace a cluster that is terminating, too, not only one that has ended.
        :returns: the cluster, and whether this call created it.
        """
        with self._write() as connection:
            # All claims, not only the key's: two of them must not choose the same name.
            lock(connection, ("cluster",))
            row = latest_of_key(connection, table, key)
            latest = cluster_of(row) if row else None
            actor = actor or (str(owner) if owner else "")
            if latest is not None and not (
                latest.state.is_ending if replace_terminating else latest.state.is_final
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
                location=location,
                spec=spec,
                owner=owner,
                state=ClusterState.REQUESTED,
                created_at=now,
                state_since=now,
                last_used_at=now,
            )
            cluster = replace(cluster, id=insert_row(connection, table, cluster_values(cluster)))
            add_event(connection, cluster, now, actor, cluster.state.value)
            return Claim(cluster, True)

    def find(self, name: str) -> Cluster:
        """The cluster with this name.

        :raises NotFound: no cluster has it; the error names the nearest of the newest names.
        """
        with self._read() as connection:
            # Names are ASCII, and a database rejects some other characters.
            is_name = name.isascii() and name.isprintable()
            row = connection.execute(select(table).where(table.c.name == name)).first() if is_name else None
            if row is not None:
                return cluster_of(row)
            newest = select(table.c.name).order_by(table.c.id.desc()).limit(_NAMES_COMPARED)
            known = set(connection.execute(newest).scalars())
        close = nearest(name, known)
        if close:
            raise NotFound(f"There is no cluster named {name!r}{close}")
        raise self.not_found(f"cluster named {name!r}")

    def find_by_names(self, names: Iterable[str]) -> dict[str, tuple[int, ClusterState]]:
        """The id and state of each cluster with one of these names, by name."""
        found: dict[str, tuple[int, ClusterState]] = {}
        with self._read() as connection:
            for chunk in chunks(names):
                query = select(table.c.name, table.c.id, table.c.state).where(table.c.name.in_(chunk))
                found.update(
                    {row.name: (row.id, ClusterState(row.state)) for row in connection.execute(query)}
                )
        return found

    def find_long_living(self, tenant: str, engine: str, deployment: str, conn_id: str) -> Cluster | None:
        """The tenant's newest long-living cluster of an engine that is not terminating; None without one."""
        filters: dict[str, Any] = {"tenant": tenant, "engine": engine, "long_living": True}
        filters |= {"deployment": deployment, "conn_id": conn_id}
        return next(iter(self._page(filters, _USABLE, after_id=0, limit=1)), None)

    def list(
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

        :param states: only clusters in these states; None means all.
        :param tenant: only clusters of this tenant.
        :param owner_run: only clusters that this DAG run (``dag_id``, ``run_id``) launched.
        :param owner_dag: only clusters that runs of this DAG launched.
        :param since: only clusters requested at this time or later; ``until`` only those requested before.
        :param after_id: the last id of the previous page; 0 starts with the newest.
        """
        filters = {"tenant": tenant} if tenant is not None else {}
        filters |= conditions_of_owner(owner_run, owner_dag)
        if states is None and filters:
            states = tuple(ClusterState)
        return self._page(filters, states, after_id=after_id, limit=limit, since=since, until=until)

    def iterate(self, **filters: Any) -> Iterator[Cluster]:
        """All clusters that :meth:`list` returns for these filters, newest first, read page by page."""
        return iterate(lambda last: self.list(**filters, after_id=last))

    def save(self, cluster: Cluster, *, actor: str = "", action: str = "") -> Cluster:
        """Save the changes of a cluster, unless another process saved it since it was read.

        A change of state is recorded as an event. The request itself (key, name, specification, owner) never changes
        here, and ``last_used_at`` is changed by jobs only.

        :param actor: who changed it, for the event.
        :param action: what was done, for the event; the new state when empty.
        :returns: the saved cluster with its new version.
        :raises StaleRecord: another process saved it first; nothing was changed.
        :raises NotFound: the registry never had it.
        """
        with self._write() as connection:
            saved, stored = self._save(connection, cluster, table.c.last_used_at)
            saved = replace(saved, last_used_at=stored.last_used_at)
            if stored.state != saved.state.value:
                add_event(connection, saved, saved.state_since, actor, action or saved.state.value)
        return saved

    def resize(
        self,
        cluster_id: int,
        workers: int,
        now: datetime,
        *,
        at_least: bool = False,
        only_unused: bool = False,
        actor: str = "",
    ) -> Cluster:
        """Store another number of workers for an elastic cluster, the only part of a request that ever changes.

        The same number is a request, too, while the cluster lacks workers and is not being resized.

        :param at_least: leave a cluster that has more as it is.
        :param only_unused: leave a cluster with a live job as it is, decided in the same transaction.
        :param actor: who asks for it, for the event.
        :returns: the cluster: as it was when there is nothing to change, or it takes no jobs.
        :raises NotFound: no cluster has this id.
        """
        with self._write() as connection:
            before = self._locked(connection, cluster_id)
            present = before.spec.workers
            is_reached = before.state is not ClusterState.DEGRADED or before.resizing_since is not None
            if not before.state.takes_jobs or (workers == present and is_reached):
                return before
            if at_least and workers <= present:
                return before
            if only_unused and live_jobs_on(connection, cluster_id, None):
                return before
            after = resize_cluster(before, workers, now)
            saved = replace(after, version=before.version + 1)
            changes = cluster_changes(saved) | {"spec": saved.spec.model_dump(mode="json")}
            connection.execute(update(table).where(table.c.id == cluster_id), changes)
            add_event(connection, saved, now, actor, "RESIZED")
            return saved

    def terminate_if_idle(
        self, cluster_id: int, now: datetime, *, run: tuple[str, str] | None = None, actor: str = ""
    ) -> Termination:
        """Make a cluster TERMINATING unless a live job is on it, decided and saved in one transaction.

        :param run: a DAG run (``dag_id``, ``run_id``) whose own jobs do not count.
        :param actor: who terminates it, for the event.
        :raises NotFound: no cluster has this id.
        """
        with self._write() as connection:
            cluster = self._locked(connection, cluster_id)
            after = end_cluster(cluster, now)
            if after is cluster:
                return Termination(cluster, ())
            users = live_jobs_on(connection, cluster_id, run)
            if users:
                return Termination(cluster, users)
            saved = replace(after, version=cluster.version + 1)
            connection.execute(update(table).where(table.c.id == cluster_id), cluster_changes(saved))
            add_event(connection, saved, now, actor, saved.state.value)
            return Termination(saved, ())

    def _locked(self, connection: Connection, cluster_id: int) -> Cluster:
        row = row_of(connection, table, cluster_id, locked=True)
        if row is None:
            raise self.not_found(f"cluster {cluster_id}")
        return cluster_of(row)

    def touch(self, cluster_ids: Iterable[int], now: datetime) -> None:
        """Count clusters as used now although the registry has no job on them: their engines are busy."""
        with self._write() as connection:
            for chunk in chunks(cluster_ids):
                changed = update(table).where(table.c.id.in_(chunk), table.c.last_used_at < now)
                connection.execute(changed, {"last_used_at": now})


def _free_name(connection: Connection, spec: ClusterSpec, env: str, now: datetime) -> str:
    at = now
    while True:
        name = cluster_name(spec.type, env, spec.tenant, at, spec.cluster_suffix)
        if connection.execute(select(table.c.id).where(table.c.name == name)).first() is None:
            return name
        at += timedelta(milliseconds=1)


class OrphanStore(Store):
    """The orphaned clusters that cluster checks have recorded."""

    def list(self, scope: Scope) -> dict[str, datetime]:
        """Each orphaned cluster's name, with the time it was first found."""
        query = select(orphan_table.c.name, orphan_table.c.first_seen_at).where(
            *in_scope(orphan_table, scope)
        )
        with self._read() as connection:
            return {row.name: row.first_seen_at for row in connection.execute(query)}

    def record(self, scope: Scope, names: Iterable[str], now: datetime) -> dict[str, datetime]:
        """Record orphaned clusters; those recorded before keep their time.

        :returns: when each of them was first found.
        """
        unique = list(dict.fromkeys(names))
        with self._write() as connection:
            lock(connection, (orphan_table.name, scope.deployment, scope.conn_id))
            query = select(orphan_table.c.name, orphan_table.c.first_seen_at).where(
                *in_scope(orphan_table, scope)
            )
            known = {row.name: row.first_seen_at for row in connection.execute(query)}
            fresh = [name for name in unique if name not in known]
            if fresh:
                same = {"deployment": scope.deployment, "conn_id": scope.conn_id, "first_seen_at": now}
                connection.execute(insert(orphan_table), [{**same, "name": name} for name in fresh])
        return {name: known.get(name, now) for name in unique}

    def remove(self, scope: Scope, names: Iterable[str]) -> None:
        """Remove clusters that are gone from the platform, or that the registry knows by now."""
        with self._write() as connection:
            for chunk in chunks(names):
                connection.execute(
                    delete(orphan_table).where(*in_scope(orphan_table, scope), orphan_table.c.name.in_(chunk))
                )

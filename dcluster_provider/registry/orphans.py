"""Orphaned clusters: those that a platform has and the registry does not know, as cluster checks found them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, insert, select

from dcluster_provider.registry.database import Store
from dcluster_provider.registry.engine import lock
from dcluster_provider.registry.models import orphaned_cluster_table as table
from dcluster_provider.registry.queries import chunks
from dcluster_provider.registry.records import Scope, in_scope


class OrphanStore(Store):
    """The orphaned clusters that cluster checks have recorded."""

    def list(self, scope: Scope) -> dict[str, datetime]:
        """Each orphaned cluster's name, with the time it was first found."""
        query = select(table.c.name, table.c.first_seen_at).where(*in_scope(table, scope))
        with self._read() as connection:
            return {row.name: row.first_seen_at for row in connection.execute(query)}

    def record(self, scope: Scope, names: Iterable[str], now: datetime) -> dict[str, datetime]:
        """Record orphaned clusters; those recorded before keep their time.

        :returns: when each of them was first found.
        """
        unique = list(dict.fromkeys(names))
        with self._write() as connection:
            lock(connection, (table.name, scope.deployment, scope.conn_id))
            query = select(table.c.name, table.c.first_seen_at).where(*in_scope(table, scope))
            known = {row.name: row.first_seen_at for row in connection.execute(query)}
            fresh = [name for name in unique if name not in known]
            if fresh:
                same = {"deployment": scope.deployment, "conn_id": scope.conn_id, "first_seen_at": now}
                connection.execute(insert(table), [{**same, "name": name} for name in fresh])
        return {name: known.get(name, now) for name in unique}

    def remove(self, scope: Scope, names: Iterable[str]) -> None:
        """Remove clusters that are gone from the platform, or that the registry knows by now."""
        with self._write() as connection:
            for chunk in chunks(names):
                connection.execute(delete(table).where(*in_scope(table, scope), table.c.name.in_(chunk)))

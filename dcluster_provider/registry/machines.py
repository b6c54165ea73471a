"""What a clean-up of nodes remembers from pass to pass: since when nothing has used a machine."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

from dcluster_provider.registry.connected import Connected
from dcluster_provider.registry.engine import lock
from dcluster_provider.registry.models import unused_machine_table
from dcluster_provider.registry.upkeep import Scope

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_CHUNK = 500  # SQLite takes a limited number of variables


class MachineStore(Connected):
    """The machines of a registry that nothing uses."""

    def unused_machines(self, scope: Scope) -> dict[str, datetime]:
        """The machines that nothing used in the pass before, each with the time since when."""
        with self._read() as connection:
            return _unused(connection, scope)

    def keep_unused(self, scope: Scope, machine_ids: Iterable[str], now: datetime) -> None:
        """Remember which machines nothing uses, those that were remembered before as they were.

        All others are forgotten: something uses them, or they are gone. One transaction, and none when all is so.
        """
        wanted = set(machine_ids)
        if self.unused_machines(scope).keys() == wanted:
            return
        table = unused_machine_table
        with self._write() as connection:
            lock(connection, (table.name, scope.deployment, scope.conn_id))
            known = _unused(connection, scope).keys()
            forgotten = sorted(known - wanted)
            for start in range(0, len(forgotten), _CHUNK):
                chunk = forgotten[start : start + _CHUNK]
                connection.execute(delete(table).where(*_of(scope), table.c.machine_id.in_(chunk)))
            same = {"deployment": scope.deployment, "conn_id": scope.conn_id, "unused_since": now}
            fresh = [{**same, "machine_id": machine_id} for machine_id in sorted(wanted - known)]
            if fresh:
                connection.execute(insert(table), fresh)


def _unused(connection: Connection, scope: Scope) -> dict[str, datetime]:
    table = unused_machine_table
    query = select(table.c.machine_id, table.c.unused_since).where(*_of(scope))
    return {row.machine_id: row.unused_since for row in connection.execute(query)}


def _of(scope: Scope) -> list[Any]:
    columns = unused_machine_table.c
    return [columns.deployment == scope.deployment, columns.conn_id == scope.conn_id]

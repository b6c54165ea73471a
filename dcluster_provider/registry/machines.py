"""What node clean-ups record of machines from run to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, insert, select, update

from dcluster_provider.registry.database import Store
from dcluster_provider.registry.engine import lock
from dcluster_provider.registry.models import machine_table as table
from dcluster_provider.registry.queries import chunks
from dcluster_provider.registry.records import Scope, in_scope

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


@dataclass(frozen=True)
class MachineMark:
    """What a clean-up recorded of a machine.

    :param was_node: whether it has been a node of Kubernetes.
    :param unused_since: since when nothing uses it; None while something does.
    """

    was_node: bool = False
    unused_since: datetime | None = None


class MachineStore(Store):
    """The recorded machines of a registry."""

    def list(self, scope: Scope) -> dict[str, MachineMark]:
        """The mark of each machine, by its id."""
        with self._read() as connection:
            return _marks(connection, scope)

    def replace_all(self, scope: Scope, marks: Mapping[str, MachineMark]) -> None:
        """Replace the marks of all machines in one transaction, or in none when nothing changed.

        A machine that was unused before keeps its time, and one that was a node stays marked as one.
        """
        if self.list(scope) == marks:
            return
        with self._write() as connection:
            lock(connection, (table.name, scope.deployment, scope.conn_id))
            known = _marks(connection, scope)
            merged = {it: _merged(known.get(it, mark), mark) for it, mark in marks.items()}
            _delete(connection, scope, [it for it in known if it not in merged])
            _update(
                connection, scope, {it: merged[it] for it in known if merged.get(it, known[it]) != known[it]}
            )
            _insert(connection, scope, {it: mark for it, mark in merged.items() if it not in known})


def _merged(known: MachineMark, mark: MachineMark) -> MachineMark:
    since = (known.unused_since or mark.unused_since) if mark.unused_since else None
    return MachineMark(known.was_node or mark.was_node, since)


def _marks(connection: Connection, scope: Scope) -> dict[str, MachineMark]:
    query = select(table.c.machine_id, table.c.was_node, table.c.unused_since).where(*in_scope(table, scope))
    return {row.machine_id: MachineMark(row.was_node, row.unused_since) for row in connection.execute(query)}


def _delete(connection: Connection, scope: Scope, ids: list[str]) -> None:
    for chunk in chunks(ids):
        connection.execute(delete(table).where(*in_scope(table, scope), table.c.machine_id.in_(chunk)))


def _update(connection: Connection, scope: Scope, marks: Mapping[str, MachineMark]) -> None:
    if marks:
        connection.execute(
            update(table)
            .where(*in_scope(table, scope), table.c.machine_id == bindparam("of"))
            .values(was_node=bindparam("node"), unused_since=bindparam("since")),
            [{"of": it, "node": mark.was_node, "since": mark.unused_since} for it, mark in marks.items()],
        )


def _insert(connection: Connection, scope: Scope, marks: Mapping[str, MachineMark]) -> None:
    if marks:
        same = {"deployment": scope.deployment, "conn_id": scope.conn_id}
        rows: list[dict[str, Any]] = [
            {**same, "machine_id": it, "was_node": mark.was_node, "unused_since": mark.unused_since}
            for it, mark in marks.items()
        ]
        connection.execute(insert(table), rows)

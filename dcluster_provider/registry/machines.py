"""What a clean-up of nodes remembers of machines from pass to pass."""

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
    """What is remembered of a machine.

    :param was_node: it has been a node of Kubernetes.
    :param unused_since: since when nothing uses it; none when something does.
    """

    was_node: bool = False
    unused_since: datetime | None = None


class MachineStore(Store):
    """The machines of a registry, as clean-ups have seen them."""

    def list(self, scope: Scope) -> dict[str, MachineMark]:
        """What is remembered of each machine, by its id."""
        with self._read() as connection:
            return _marks(connection, scope)

    def replace_all(self, scope: Scope, marks: Mapping[str, MachineMark]) -> None:
        """Remember this of machines, and forget all others; one transaction, and none when all is so already.

        What was unused before is so since then, and what was a node has been one, whatever the new mark says.
        """
        if self.list(scope) == marks:
            return
        with self._write() as connection:
            lock(connection, (table.name, scope.deployment, scope.conn_id))
            known = _marks(connection, scope)
            wanted = {it: _merged(known.get(it, mark), mark) for it, mark in marks.items()}
            _delete(connection, scope, [it for it in known if it not in wanted])
            _update(
                connection, scope, {it: wanted[it] for it in known if wanted.get(it, known[it]) != known[it]}
            )
            _insert(connection, scope, {it: mark for it, mark in wanted.items() if it not in known})


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

"""The recorded instances of a cloud, and what node clean-ups record of its machines from run to run.

Of an instance: what the cloud lists or it reported of itself, and what has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, insert, select, update

from dcluster_provider.core.errors import NotFound
from dcluster_provider.registry.database import Store
from dcluster_provider.registry.engine import lock
from dcluster_provider.registry.models import instance_table, machine_table
from dcluster_provider.registry.queries import chunks
from dcluster_provider.registry.records import Scope, in_scope

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


@dataclass(frozen=True)
class Instance:
    """The recorded information of a cloud's instance.

    :param info: a JSON object.
    :param recorded_at: when it was last recorded, changed or not.
    :param source: the listing that has it; None when only the instance itself reported.
    :param changed_at: when a record last differed from the one before, or was the first.
    :param changes: the old and new value of each field that differed then; null stands for a missing one.
    :param gone_at: when its listing no longer had it; None while it does.
    """

    instance_id: str
    info: dict[str, Any]
    recorded_at: datetime
    source: str | None = None
    changed_at: datetime | None = None
    changes: dict[str, list[Any]] = field(default_factory=dict)
    gone_at: datetime | None = None


class InstanceStore(Store):
    """The recorded instances of a registry."""

    def record(self, instance_id: str, info: dict[str, Any], now: datetime) -> None:
        """Store what an instance reported of itself, in place of its earlier information."""
        with self._write() as connection:
            _record(connection, {instance_id: info}, None, now)

    def record_many(self, source: str, described: Mapping[str, dict[str, Any]], now: datetime) -> None:
        """Store instances of a listing, a part of it or all, in one transaction.

        :param source: names the listing; the same name marks its instances as gone later.
        :param described: the description of each instance by its id.
        """
        with self._write() as connection:
            _record(connection, described, source, now)

    def record_gone(self, source: str, since: datetime, now: datetime) -> int:
        """Mark instances as gone that a complete listing has not had since a moment.

        :param source: names the listing.
        :param since: when the listing began.
        :returns: the number of instances newly marked.
        """
        columns = instance_table.c
        is_missing = (columns.source == source, columns.gone_at.is_(None), columns.recorded_at < since)
        with self._write() as connection:
            gone = connection.execute(update(instance_table).where(*is_missing), {"gone_at": now})
        return int(gone.rowcount)

    def get(self, instance_id: str) -> Instance:
        """The recorded information of an instance.

        :raises NotFound: nothing was ever recorded of it.
        """
        table = instance_table
        with self._read() as connection:
            row = connection.execute(select(table).where(table.c.instance_id == instance_id)).first()
        if row is None:
            raise NotFound(
                f"Nothing is recorded of the instance {instance_id!r}; record or synchronise it first"
            )
        return Instance(**{**row._asdict(), "changes": row.changes or {}})


def _record(
    connection: Connection, described: Mapping[str, dict[str, Any]], source: str | None, now: datetime
) -> None:
    lock(connection, (instance_table.name,))
    for chunk in chunks(described):
        _record_chunk(connection, {it: described[it] for it in chunk}, source, now)


def _record_chunk(
    connection: Connection, described: Mapping[str, dict[str, Any]], source: str | None, now: datetime
) -> None:
    columns = instance_table.c
    query = select(columns.instance_id, columns.info).where(columns.instance_id.in_(list(described)))
    known = {row.instance_id: row.info for row in connection.execute(query)}
    seen: dict[str, Any] = {"recorded_at": now, "gone_at": None} | ({"source": source} if source else {})
    if known:
        connection.execute(update(instance_table).where(columns.instance_id.in_(list(known))), seen)
    changed = {it: changes for it in known if (changes := _changes(known[it], described[it]))}
    if changed:
        connection.execute(
            update(instance_table)
            .where(columns.instance_id == bindparam("of"))
            .values(info=bindparam("new_info"), changes=bindparam("new_changes"), changed_at=now),
            [{"of": it, "new_info": described[it], "new_changes": changed[it]} for it in changed],
        )
    fresh = [it for it in described if it not in known]
    if fresh:
        same: dict[str, Any] = {**seen, "source": source, "changed_at": now, "changes": {}}
        connection.execute(
            insert(instance_table), [{**same, "instance_id": it, "info": described[it]} for it in fresh]
        )


def _changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[Any]]:
    names = dict.fromkeys([*old, *new])
    return {name: [old.get(name), new.get(name)] for name in names if old.get(name) != new.get(name)}


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
            return _marks_of_machines(connection, scope)

    def replace_all(self, scope: Scope, marks: Mapping[str, MachineMark]) -> None:
        """Replace the marks of all machines in one transaction, or in none when nothing changed.

        A machine that was unused before keeps its time, and one that was a node stays marked as one.
        """
        if self.list(scope) == marks:
            return
        with self._write() as connection:
            lock(connection, (machine_table.name, scope.deployment, scope.conn_id))
            known = _marks_of_machines(connection, scope)
            merged = {it: _merged_marks(known.get(it, mark), mark) for it, mark in marks.items()}
            _delete_machines(connection, scope, [it for it in known if it not in merged])
            _update_machines(
                connection, scope, {it: merged[it] for it in known if merged.get(it, known[it]) != known[it]}
            )
            _insert_machines(connection, scope, {it: mark for it, mark in merged.items() if it not in known})


def _merged_marks(known: MachineMark, mark: MachineMark) -> MachineMark:
    since = (known.unused_since or mark.unused_since) if mark.unused_since else None
    return MachineMark(known.was_node or mark.was_node, since)


def _marks_of_machines(connection: Connection, scope: Scope) -> dict[str, MachineMark]:
    query = select(machine_table.c.machine_id, machine_table.c.was_node, machine_table.c.unused_since).where(
        *in_scope(machine_table, scope)
    )
    return {row.machine_id: MachineMark(row.was_node, row.unused_since) for row in connection.execute(query)}


def _delete_machines(connection: Connection, scope: Scope, ids: list[str]) -> None:
    for chunk in chunks(ids):
        connection.execute(
            delete(machine_table).where(
                *in_scope(machine_table, scope), machine_table.c.machine_id.in_(chunk)
            )
        )


def _update_machines(connection: Connection, scope: Scope, marks: Mapping[str, MachineMark]) -> None:
    if marks:
        connection.execute(
            update(machine_table)
            .where(*in_scope(machine_table, scope), machine_table.c.machine_id == bindparam("of"))
            .values(was_node=bindparam("node"), unused_since=bindparam("since")),
            [{"of": it, "node": mark.was_node, "since": mark.unused_since} for it, mark in marks.items()],
        )


def _insert_machines(connection: Connection, scope: Scope, marks: Mapping[str, MachineMark]) -> None:
    if marks:
        same = {"deployment": scope.deployment, "conn_id": scope.conn_id}
        rows: list[dict[str, Any]] = [
            {**same, "machine_id": it, "was_node": mark.was_node, "unused_since": mark.unused_since}
            for it, mark in marks.items()
        ]
        connection.execute(insert(machine_table), rows)

"""The queries that clusters and jobs share.

A statement is built once and gets its values when it runs: building one takes SQLAlchemy longer than running it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Table, bindparam, insert, select, union_all

from dcluster_provider.core.identity import Owner

if TYPE_CHECKING:
    from sqlalchemy import Insert, Select
    from sqlalchemy.engine import Connection

Value = TypeVar("Value")
_HIGHEST_ID = 2**31 - 1  # SQLite takes no number beyond 64 bits, PostgreSQL stores 32
_CHUNK = 500
_KEPT = 256  # statements: one for each combination of columns and states in use


def chunks(values: Iterable[Value]) -> Iterator[list[Value]]:
    """The values without repetitions, in lists short enough for one statement: SQLite limits its variables."""
    unique = list(dict.fromkeys(values))
    return (unique[start : start + _CHUNK] for start in range(0, len(unique), _CHUNK))


def latest_of_key(connection: Connection, table: Table, key: str) -> Any:
    """The row of the key's newest generation; None without one."""
    return connection.execute(_latest_of_key(table), {"key": key}).first()


def insert_row(connection: Connection, table: Table, values: dict[str, Any]) -> int:
    """Insert a row and return the id that the database gave it."""
    key: Any = connection.execute(_insert(table), values).inserted_primary_key
    return int(key[0])


def row_of(connection: Connection, table: Table, number: int, *, locked: bool = False) -> Any:
    """The row with this id; None without one.

    :param locked: no other transaction changes it until this one ends.
    """
    if not can_be_id(number):
        return None
    return connection.execute(_by_id(table, locked), {"id": number}).first()


def rows_of(connection: Connection, table: Table, ids: Iterable[int]) -> list[Any]:
    """The rows with these ids, in their order; ids without a row are left out."""
    unique = [number for number in dict.fromkeys(ids) if can_be_id(number)]
    found = {}
    for chunk in chunks(unique):
        found.update({row.id: row for row in connection.execute(_by_ids(table), {"ids": chunk})})
    return [found[number] for number in unique if number in found]


def page_of(
    connection: Connection,
    table: Table,
    filters: Mapping[str, Any],
    states: Iterable[Enum] | None,
    *,
    after_id: int,
    limit: int,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Any]:
    """A page of rows, newest first.

    :param filters: values that columns must have.
    :param states: only rows in these states; None means all, and is fast only without filters.
    :param after_id: only rows with lower ids; 0 means all.
    :param limit: the max_rows rows; 0 returns none.
    :param since: only rows created at this time or later; ``until`` only those created before.
    """
    if any(isinstance(value, int) and abs(value) > _HIGHEST_ID for value in filters.values()):
        return []
    after_id = after_id if can_be_id(after_id) else 0
    limit = min(max(0, limit), _HIGHEST_ID)
    if states is not None:
        states = tuple(state.value for state in states)
        if not states:
            return []
    statement = _page(table, tuple(filters), states, after_id > 0, (since is not None, until is not None))
    values = {**filters, "after_id": after_id, "limit": limit, "since": since, "until": until}
    return list(connection.execute(statement, values))


def live_rows(
    connection: Connection, table: Table, filters: Mapping[str, Any], states: Iterable[Enum]
) -> list[Any]:
    """All rows in some live states, newest first; for columns whose values few live rows share."""
    values = {**filters, "states": [state.value for state in states]}
    return list(connection.execute(_in_states(table, tuple(filters)), values))


def live_rows_of_older_epochs(
    connection: Connection, table: Table, owner: Owner, states: Iterable[Enum]
) -> list[Any]:
    """The rows in some live states that earlier epochs of the owner's task requested, newest first."""
    filters = {
        "owner_dag_id": owner.dag_id,
        "owner_run_id": owner.run_id,
        "owner_task_id": owner.task_id,
        "owner_map_index": owner.map_index,
        "deployment": owner.deployment,
    }
    return [row for row in live_rows(connection, table, filters, states) if row.owner_epoch < owner.epoch]


def can_be_id(number: int) -> bool:
    """Whether a row can have this id: databases reject numbers that they cannot store."""
    return 0 < number <= _HIGHEST_ID


@cache
def _latest_of_key(table: Table) -> Select[Any]:
    return select(table).where(table.c.key == bindparam("key")).order_by(table.c.generation.desc()).limit(1)


@cache
def _insert(table: Table) -> Insert:
    return insert(table)


@cache
def _by_id(table: Table, locked: bool) -> Select[Any]:
    query = select(table).where(table.c.id == bindparam("id"))
    return query.with_for_update() if locked else query


@cache
def _by_ids(table: Table) -> Select[Any]:
    return select(table).where(table.c.id.in_(bindparam("ids", expanding=True)))


@lru_cache(_KEPT)
def _in_states(table: Table, names: tuple[str, ...]) -> Select[Any]:
    is_in_them = table.c.state.in_(bindparam("states", expanding=True))
    return _newest_first(table, names).where(is_in_them)


@lru_cache(_KEPT)
def _page(
    table: Table,
    names: tuple[str, ...],
    states: tuple[str, ...] | None,
    is_later: bool,
    has_bounds: tuple[bool, bool],
) -> Select[Any]:
    max_rows: Any = bindparam("limit")
    page = _newest_first(table, names).limit(max_rows)
    if is_later:
        page = page.where(table.c.id < bindparam("after_id"))
    if has_bounds[0]:
        page = page.where(table.c.created_at >= bindparam("since"))
    if has_bounds[1]:
        page = page.where(table.c.created_at < bindparam("until"))
    if states is None:
        return page
    if len(states) == 1:
        return page.where(table.c.state == states[0])
    # Each state separately, so that an index returns the rows in the order of their ids; for all states together,
    # the database would sort every row that has one of them.
    ids = page.with_only_columns(table.c.id)
    newest = union_all(*(select(ids.where(table.c.state == state).subquery()) for state in states)).subquery()
    chosen = select(newest.c.id).order_by(newest.c.id.desc()).limit(max_rows)
    return select(table).where(table.c.id.in_(chosen)).order_by(table.c.id.desc())


def _newest_first(table: Table, names: tuple[str, ...]) -> Select[Any]:
    conditions = [table.c[name] == bindparam(name) for name in names]
    return select(table).where(*conditions).order_by(table.c.id.desc())

"""What the parts of the registry share: its database, its schema up to date, and the queries of both record kinds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import Table, insert, select, union_all
from typing_extensions import NamedTuple

from dcluster_provider.core.identity import Owner
from dcluster_provider.registry.engine import Database
from dcluster_provider.registry.migrations import ensure_schema, schema_version

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

Record = TypeVar("Record")
_HIGHEST_ID = 2**31 - 1  # SQLite takes no number beyond 64 bits, PostgreSQL stores 32
_CHUNK = 500  # SQLite takes a limited number of variables


class Claim(NamedTuple, Generic[Record]):
    """The answer to a request.

    :param record: the cluster or job that answers it.
    :param created: this call made it; true for exactly one of the callers that ask at once.
    """

    record: Record
    created: bool


class Connected:
    """A part of the registry.

    :param url: of the database: ``sqlite:////absolute/path/registry.db`` or ``postgresql+psycopg2://...``.
    :raises InvalidSpec: the URL is of another kind.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._schema_is_known = False

    def describe(self) -> str:
        """Where the registry is, and that it can be used.

        :raises RegistryUnusable: it cannot be opened, or has a newer schema than this package knows.
        """
        with self._read() as connection:
            return f"registry {self._database} (schema {schema_version(connection)})"

    def _read(self) -> AbstractContextManager[Connection]:
        self._ensure_schema()
        return self._database.read()

    def _write(self) -> AbstractContextManager[Connection]:
        self._ensure_schema()
        return self._database.write()

    def _ensure_schema(self) -> None:
        # Two threads may both come here, which does no harm; a lock could be inherited, held, by a fork.
        if not self._schema_is_known:
            ensure_schema(self._database)
            self._schema_is_known = True


def latest_of_key(connection: Connection, table: Table, key: str) -> Any:
    """The row of the key's newest generation, or nothing."""
    query = select(table).where(table.c.key == key).order_by(table.c.generation.desc()).limit(1)
    return connection.execute(query).first()


def insert_row(connection: Connection, table: Table, values: dict[str, Any]) -> int:
    """Add a row and return the id that the database gave it."""
    key: Any = connection.execute(insert(table), values).inserted_primary_key
    return int(key[0])


def rows_of(connection: Connection, table: Table, ids: Iterable[int]) -> list[Any]:
    """The rows with these ids, in their order; an id without a row is left out."""
    wanted = [number for number in dict.fromkeys(ids) if number <= _HIGHEST_ID]
    found = {}
    for start in range(0, len(wanted), _CHUNK):
        query = select(table).where(table.c.id.in_(wanted[start : start + _CHUNK]))
        found.update({row.id: row for row in connection.execute(query)})
    return [found[number] for number in wanted if number in found]


def page_of(
    connection: Connection,
    table: Table,
    conditions: Sequence[Any],
    states: Iterable[Enum] | None,
    *,
    after_id: int,
    limit: int,
) -> list[Any]:
    """A page of rows, newest first.

    :param states: the states to look for; none means any, and is quick only without other conditions.
    """
    page = select(table).where(*conditions).order_by(table.c.id.desc()).limit(limit)
    if after_id:
        page = page.where(table.c.id < after_id)
    if states is None:
        return list(connection.execute(page))
    # Each state by itself, for which an index gives the rows in the order of their ids; asked for all states at
    # once, the database would sort every row that has one of them.
    ids = page.with_only_columns(table.c.id)
    parts = [select(ids.where(table.c.state == state.value).subquery()) for state in states]
    if not parts:
        return []
    newest = union_all(*parts).subquery()
    chosen = select(newest.c.id).order_by(newest.c.id.desc()).limit(limit)
    return list(connection.execute(select(table).where(table.c.id.in_(chosen)).order_by(table.c.id.desc())))


def live_rows(
    connection: Connection, table: Table, conditions: Sequence[Any], states: Iterable[Enum]
) -> list[Any]:
    """All rows in some live states, newest first; for conditions that few live rows fulfil."""
    is_live = table.c.state.in_([state.value for state in states])
    return list(connection.execute(select(table).where(*conditions, is_live).order_by(table.c.id.desc())))


def of_older_epochs(table: Table, owner: Owner) -> list[Any]:
    """The conditions for what earlier epochs of the task asked for."""
    return [
        table.c.owner_dag_id == owner.dag_id,
        table.c.owner_run_id == owner.run_id,
        table.c.owner_task_id == owner.task_id,
        table.c.owner_map_index == owner.map_index,
        table.c.owner_epoch < owner.epoch,
        table.c.deployment == owner.deployment,
    ]

"""What the stores of clusters and of jobs share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from sqlalchemy import Table, select, update
from typing_extensions import NamedTuple

from dcluster_provider.core.errors import NotFound, StaleRecord
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.registry.database import Store
from dcluster_provider.registry.queries import (
    latest_of_key,
    live_rows_of_older_epochs,
    page_of,
    row_of,
    rows_of,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row

Record = TypeVar("Record", Cluster, Job)


class Claim(NamedTuple, Generic[Record]):
    """The answer to a request.

    :param record: the cluster or job that answers it.
    :param created: this call made it; true for exactly one of the callers that ask at once.
    """

    record: Record
    created: bool


@dataclass(frozen=True)
class Scope:
    """Whose clusters and jobs are meant: those that one deployment has made through one connection."""

    deployment: str
    conn_id: str


class RecordStore(Store, Generic[Record]):
    """The clusters or the jobs of a registry."""

    kind: ClassVar[str]
    table: ClassVar[Table]
    live_states: ClassVar[Sequence[Enum]]

    @staticmethod
    @abstractmethod
    def record_of(row: Row[Any], /) -> Record:
        """The record of a row with all columns."""

    @staticmethod
    @abstractmethod
    def changes_of(record: Record, /) -> dict[str, Any]:
        """The columns that a save may change; those of the request itself never do."""

    def get(self, record_id: int) -> Record:
        """The record with this id.

        :raises NotFound: there is none.
        """
        with self._read() as connection:
            row = row_of(connection, self.table, record_id)
        if row is None:
            raise self.not_found(f"{self.kind} {record_id}")
        return self.record_of(row)

    def get_many(self, ids: Iterable[int]) -> list[Record]:
        """The records with these ids, in their order; an id that none has is left out."""
        with self._read() as connection:
            return [self.record_of(row) for row in rows_of(connection, self.table, ids)]

    def list_live(
        self,
        scope: Scope,
        states: Sequence[Enum] | None = None,
        *,
        after_id: int = 0,
        limit: int = 500,
    ) -> list[Record]:
        """A page of one deployment's records that have not ended, or are in some states, newest first.

        :param after_id: the last id of the page before; 0 begins with the newest.
        """
        states = self.live_states if states is None else states
        return self._page(asdict(scope), states, after_id=after_id, limit=limit)

    def live_of_older_epochs(self, owner: Owner) -> list[Record]:
        """What the owner's task still has alive from before a person cleared it, newest first."""
        with self._read() as connection:
            rows = live_rows_of_older_epochs(connection, self.table, owner, self.live_states)
        return [self.record_of(row) for row in rows]

    def latest_of_key(self, key: str) -> Record | None:
        """The newest generation of a request's record, ended or not, or nothing."""
        with self._read() as connection:
            row = latest_of_key(connection, self.table, key)
        return self.record_of(row) if row else None

    def not_found(self, subject: object) -> NotFound:
        """That there is no such record, with the command that lists those that there are."""
        return NotFound(f"There is no {subject}; see the known ones with: airflow dcluster {self.kind}s list")

    def _page(
        self,
        wanted: Mapping[str, Any],
        states: Collection[Enum] | None,
        *,
        after_id: int,
        limit: int,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Record]:
        with self._read() as connection:
            rows = page_of(
                connection,
                self.table,
                wanted,
                states,
                after_id=after_id,
                limit=limit,
                since=since,
                until=until,
            )
        return [self.record_of(row) for row in rows]

    def _save(self, connection: Connection, record: Record, *columns: Any) -> tuple[Record, Any]:
        """Save a record, unless somebody else has saved it since it was read.

        :param columns: more columns to be read of the row as it was.
        :returns: the record with its new version, and the row as it was.
        :raises StaleRecord: another process saved it first; nothing was changed.
        :raises NotFound: it was never in this registry.
        """
        is_it = self.table.c.id == record.id
        query = select(self.table.c.version, self.table.c.state, *columns).where(is_it)
        stored = connection.execute(query.with_for_update()).first()
        if stored is None:
            raise self.not_found(record)
        if stored.version != record.version:
            raise StaleRecord(
                f"{record} was saved by another process (version {stored.version}, here {record.version}); "
                "read it again and decide anew"
            )
        saved = replace(record, version=record.version + 1)
        connection.execute(update(self.table).where(is_it), self.changes_of(saved))
        return saved, stored


def conditions_of_owner(owner_run: tuple[str, str] | None, owner_dag: str | None) -> dict[str, str]:
    """The columns of what a DAG run (``dag_id``, ``run_id``), or any run of a DAG, has asked for."""
    if owner_run is not None:
        return {"owner_dag_id": owner_run[0], "owner_run_id": owner_run[1]}
    return {} if owner_dag is None else {"owner_dag_id": owner_dag}


def in_scope(table: Table, scope: Scope) -> list[Any]:
    """The conditions on a table's rows of one deployment and connection."""
    return [table.c.deployment == scope.deployment, table.c.conn_id == scope.conn_id]


def iterate(page: Callable[[int], Sequence[Record]]) -> Iterator[Record]:
    """What all pages have, however many there are, a page in memory at a time.

    :param page: the page after the record of an id; 0 gives the first.
    """
    last = 0
    while found := page(last):
        yield from found
        last = found[-1].id

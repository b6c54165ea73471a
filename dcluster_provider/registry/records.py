"""What the stores of clusters and jobs share, and leases: a live job is a lease of its cluster.

A cluster is not terminated as idle while a lease is held. Both sides lock the cluster's row before they decide: either
a job is claimed on the cluster, which then cannot be terminated without force, or the cluster is terminating and takes
no more jobs; never both.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from sqlalchemy import Table, select, update
from typing_extensions import NamedTuple

from dcluster_provider.core.errors import ClusterTerminating, NotFound, StaleRecord
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.record import LIVE_JOB_STATES, Cluster, ClusterState, Job
from dcluster_provider.registry.database import Store
from dcluster_provider.registry.models import cluster_table, job_table
from dcluster_provider.registry.queries import (
    latest_of_key,
    live_rows,
    live_rows_of_older_epochs,
    page_of,
    row_of,
    rows_of,
)
from dcluster_provider.registry.rows import cluster_of, job_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row

Record = TypeVar("Record", Cluster, Job)


class Claim(NamedTuple, Generic[Record]):
    """The answer to a request.

    :param record: the cluster or job that answers it.
    :param created: whether this call created it; True for exactly one of simultaneous callers.
    """

    record: Record
    created: bool


@dataclass(frozen=True)
class Scope:
    """A deployment and a connection, whose clusters and jobs a call is about."""

    deployment: str
    conn_id: str


class RecordStore(Store, Generic[Record]):
    """Base of the stores of clusters and of jobs."""

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
        """The columns that a save may change; those of the request never change."""

    def get(self, record_id: int) -> Record:
        """The record with this id.

        :raises NotFound: no record has it.
        """
        with self._read() as connection:
            row = row_of(connection, self.table, record_id)
        if row is None:
            raise self.not_found(f"{self.kind} {record_id}")
        return self.record_of(row)

    def get_many(self, ids: Iterable[int]) -> list[Record]:
        """The records with these ids, in their order; ids without a record are left out."""
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
        """A page of one deployment's records that are live, or in given states, newest first.

        :param after_id: the last id of the previous page; 0 starts with the newest.
        """
        states = self.live_states if states is None else states
        return self._page(asdict(scope), states, after_id=after_id, limit=limit)

    def live_of_older_epochs(self, owner: Owner) -> list[Record]:
        """The live records that the owner's task requested before a person cleared it, newest first."""
        with self._read() as connection:
            rows = live_rows_of_older_epochs(connection, self.table, owner, self.live_states)
        return [self.record_of(row) for row in rows]

    def latest_of_key(self, key: str) -> Record | None:
        """The newest generation of a request's record, ended or not; None without one."""
        with self._read() as connection:
            row = latest_of_key(connection, self.table, key)
        return self.record_of(row) if row else None

    def not_found(self, subject: object) -> NotFound:
        """The error about a missing record, with the command that lists the known ones."""
        return NotFound(f"There is no {subject}; see the known ones with: airflow dcluster {self.kind}s list")

    def _page(
        self,
        filters: Mapping[str, Any],
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
                filters,
                states,
                after_id=after_id,
                limit=limit,
                since=since,
                until=until,
            )
        return [self.record_of(row) for row in rows]

    def _save(self, connection: Connection, record: Record, *columns: Any) -> tuple[Record, Any]:
        """Save a record, unless another process saved it since it was read.

        :param columns: more columns to read of the stored row.
        :returns: the record with its new version, and the row as it was.
        :raises StaleRecord: another process saved it first; nothing was changed.
        :raises NotFound: the registry never had it.
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
    """The conditions on rows that a DAG run (``dag_id``, ``run_id``), or any run of a DAG, requested."""
    if owner_run is not None:
        return {"owner_dag_id": owner_run[0], "owner_run_id": owner_run[1]}
    return {} if owner_dag is None else {"owner_dag_id": owner_dag}


def in_scope(table: Table, scope: Scope) -> list[Any]:
    """The conditions on a table's rows of one deployment and connection."""
    return [table.c.deployment == scope.deployment, table.c.conn_id == scope.conn_id]


def iterate(page: Callable[[int], Sequence[Record]]) -> Iterator[Record]:
    """Iterate over the records of all pages, with one page in memory at a time.

    :param page: reads the page after an id; 0 reads the first.
    """
    last = 0
    while found := page(last):
        yield from found
        last = found[-1].id


class Termination(NamedTuple):
    """The answer to a request to terminate a cluster unless it is used.

    :param cluster: the cluster as it is now: TERMINATING or final, unless ``users`` keep it.
    :param users: the live jobs that keep it, newest first.
    """

    cluster: Cluster
    users: tuple[Job, ...]


def reject_terminating_cluster(connection: Connection, cluster_id: int) -> None:
    """Keep a cluster from being terminated as idle until the transaction ends.

    :raises ClusterTerminating: the cluster is terminating or has ended.
    """
    row = row_of(connection, cluster_table, cluster_id, locked=True)
    if row is not None and ClusterState(row.state).is_ending:
        cluster = cluster_of(row)
        raise ClusterTerminating(
            f"{cluster} is {cluster.state.value} and takes no new job; name one that is live"
        )


def live_jobs_on(connection: Connection, cluster_id: int, run: tuple[str, str] | None) -> tuple[Job, ...]:
    """The live jobs on a cluster, newest first, without those of a DAG run (``dag_id``, ``run_id``)."""
    rows = live_rows(connection, job_table, {"cluster_id": cluster_id}, LIVE_JOB_STATES)
    return tuple(job_of(row) for row in rows if run is None or (row.owner_dag_id, row.owner_run_id) != run)

"""The events of clusters and jobs: who did what, when, and for which DAG run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState
from dcluster_provider.registry.database import Store
from dcluster_provider.registry.models import event_table
from dcluster_provider.registry.queries import can_be_id, insert_row

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


@dataclass(frozen=True)
class Event:
    """An event of a cluster or job.

    :param actor: who did it: a user, a task, a maintenance run; empty when unknown.
    :param action: the new state of the cluster or job, or the name of an action.
    :param dag_id: with ``run_id`` and ``task_id``, the owner of the cluster or job.
    :param detail: why, in words.
    """

    at: datetime
    actor: str
    action: str
    cluster_id: int | None = None
    job_id: int | None = None
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    detail: str = ""


class EventStore(Store):
    """The events of a registry, newest first."""

    def record(self, event: Event) -> None:
        """Record an action that changes no state; claims and saves record their own events."""
        with self._write() as connection:
            _insert(connection, event)

    def was_provisioned(self, cluster_id: int) -> bool:
        """Whether the platform was ever requested to make a cluster, so that something of it may exist."""
        columns = event_table.c
        query = (
            select(columns.id)
            .where(columns.cluster_id == cluster_id, columns.job_id.is_(None))
            .where(columns.action == ClusterState.PROVISIONING.value)
            .limit(1)
        )
        with self._read() as connection:
            return connection.execute(query).first() is not None

    def list(self, cluster_id: int | None = None, job_id: int | None = None, limit: int = 100) -> list[Event]:
        """The latest events of a cluster, of a job or of all, newest first."""
        if not all(number is None or can_be_id(number) for number in (cluster_id, job_id)):
            return []
        columns = [column for column in event_table.c if column is not event_table.c.id]
        query = select(*columns).order_by(event_table.c.id.desc()).limit(limit)
        if cluster_id is not None:
            query = query.where(event_table.c.cluster_id == cluster_id)
        if job_id is not None:
            query = query.where(event_table.c.job_id == job_id)
        with self._read() as connection:
            return [Event(**row._asdict()) for row in connection.execute(query)]


def add_event(connection: Connection, record: Cluster | Job, at: datetime, actor: str, action: str) -> None:
    """Record what was done to a cluster or job, in the transaction that does it."""
    owner = record.owner
    event = Event(
        at=at,
        actor=actor,
        action=action,
        cluster_id=record.cluster_id if isinstance(record, Job) else record.id,
        job_id=record.id if isinstance(record, Job) else None,
        dag_id=owner.dag_id if owner else None,
        run_id=owner.run_id if owner else None,
        task_id=owner.task_id if owner else None,
        detail=_detail(record),
    )
    _insert(connection, event)


def _detail(record: Cluster | Job) -> str:
    """Why the record is in its state, or its outcome."""
    why = record.diagnosis
    if why is None and isinstance(record, Job):
        if record.savepoint_requested:
            return "with a savepoint"
        if record.savepoint:
            return f"savepoint {record.savepoint}"
        if record.state is JobState.RUNNING:
            why = record.savepoint_failure
    return f"{why.cause} [{why.code}]" if why else ""


def _insert(connection: Connection, event: Event) -> None:
    # PostgreSQL cannot store a NUL character in text.
    storable = replace(event, detail=event.detail.replace("\0", ""))
    insert_row(connection, event_table, asdict(storable))

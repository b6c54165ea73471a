"""The tables of the registry.

Columns that are searched are real columns with an index that also gives the order by id, so that one page of a
list costs the same however many rows there are. Specifications and diagnoses are JSON.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

VERSION_TABLE = "dcluster_alembic_version"
metadata = MetaData()


if TYPE_CHECKING:
    _DateTimeDecorator = TypeDecorator[datetime]
else:
    _DateTimeDecorator = TypeDecorator  # SQLAlchemy 1.4 has no type parameters


class UtcDateTime(_DateTimeDecorator):
    """A moment: aware of its time zone on the way in, UTC on the way out, on both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The moment in UTC; a time without a time zone is a mistake of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; the registry stores moments, not local times")
        return value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The moment in UTC; SQLite returns what was stored without its time zone."""
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


def _text(name: str, nullable: bool = False) -> Column[Any]:
    return Column(name, String, nullable=nullable)


def _moment(name: str, nullable: bool = False) -> Column[Any]:
    return Column(name, UtcDateTime, nullable=nullable)


def _request_columns() -> list[Column[Any]]:
    """The columns that clusters and jobs share."""
    return [
        Column("id", Integer, primary_key=True),
        _text("key"),
        Column("generation", Integer, nullable=False),
        Column("version", Integer, nullable=False),
        _text("deployment"),
        _text("registry_id"),
        _text("conn_id"),
        Column("spec", JSON, nullable=False),
        _text("owner_dag_id", nullable=True),
        _text("owner_run_id", nullable=True),
        _text("owner_task_id", nullable=True),
        Column("owner_map_index", Integer, nullable=True),
        Column("owner_epoch", Integer, nullable=True),
        _text("state"),
        _moment("created_at"),
        _moment("state_since"),
        _text("ui_url"),
        Column("diagnosis", JSON(none_as_null=True), nullable=True),
    ]


cluster_table = Table(
    "dcluster_cluster",
    metadata,
    *_request_columns(),
    _text("name"),
    _text("platform"),
    _text("location"),
    _text("tenant"),
    _text("engine"),
    Column("long_living", Boolean, nullable=False),
    _moment("last_used_at"),
    _text("master_url"),
    Column("workers_ready", Integer, nullable=False),
    _moment("resizing_since", nullable=True),
    UniqueConstraint("key", "generation", name="uq_dcluster_cluster_key"),
    UniqueConstraint("name", name="uq_dcluster_cluster_name"),
    Index("ix_dcluster_cluster_state", "state", "id"),
    Index("ix_dcluster_cluster_tenant", "tenant", "state", "id"),
    Index("ix_dcluster_cluster_owner", "owner_dag_id", "owner_run_id", "owner_task_id"),
    sqlite_autoincrement=True,
)

job_table = Table(
    "dcluster_job",
    metadata,
    *_request_columns(),
    _text("client"),
    _text("module"),
    Column("cluster_id", Integer, nullable=False),
    Column("owns_cluster", Boolean, nullable=False),
    Column("exit_code", Integer, nullable=True),
    _moment("started_at", nullable=True),
    _moment("ended_at", nullable=True),
    Column("savepoint_requested", Boolean, nullable=False),
    _text("savepoint"),
    Column("savepoint_failure", JSON(none_as_null=True), nullable=True),
    _text("result", nullable=True),
    UniqueConstraint("key", "generation", name="uq_dcluster_job_key"),
    Index("ix_dcluster_job_state", "state", "id"),
    Index("ix_dcluster_job_client", "client", "state", "id"),
    Index("ix_dcluster_job_module", "client", "module", "state", "id"),
    Index("ix_dcluster_job_cluster", "cluster_id", "state", "id"),
    Index("ix_dcluster_job_owner", "owner_dag_id", "owner_run_id", "owner_task_id"),
    sqlite_autoincrement=True,
)

registry_table = Table(
    "dcluster_registry",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # there is one row, number 1
    _text("registry_id"),
)

client_setting_table = Table(
    "dcluster_client_setting",
    metadata,
    Column("client", String, primary_key=True),
    Column("monitored", Boolean, nullable=False),
    Column("alert_after", Integer, nullable=True),
)

instance_table = Table(
    "dcluster_instance",
    metadata,
    Column("instance_id", String, primary_key=True),
    Column("info", JSON, nullable=False),
    _moment("recorded_at"),
    _text("source", nullable=True),
    _moment("changed_at", nullable=True),
    Column("changes", JSON(none_as_null=True), nullable=True),
    _moment("gone_at", nullable=True),
    Index("ix_dcluster_instance_source", "source", "gone_at"),
)

machine_table = Table(
    "dcluster_machine",
    metadata,
    Column("deployment", String, primary_key=True),
    Column("conn_id", String, primary_key=True),
    Column("machine_id", String, primary_key=True),
    Column("was_node", Boolean, nullable=False),
    _moment("unused_since", nullable=True),
)

epoch_table = Table(
    "dcluster_epoch",
    metadata,
    Column("deployment", String, primary_key=True),
    Column("dag_id", String, primary_key=True),
    Column("run_id", String, primary_key=True),
    Column("task_id", String, primary_key=True),
    Column("map_index", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("max_tries", Integer, nullable=False),
    Column("run_clears", Integer, nullable=False),
)

event_table = Table(
    "dcluster_event",
    metadata,
    Column("id", Integer, primary_key=True),
    _moment("at"),
    _text("actor"),
    _text("action"),
    Column("cluster_id", Integer, nullable=True),
    Column("job_id", Integer, nullable=True),
    _text("dag_id", nullable=True),
    _text("run_id", nullable=True),
    _text("task_id", nullable=True),
    _text("detail"),
    Index("ix_dcluster_event_cluster", "cluster_id", "id"),
    Index("ix_dcluster_event_job", "job_id", "id"),
    sqlite_autoincrement=True,
)

orphaned_cluster_table = Table(
    "dcluster_orphaned_cluster",
    metadata,
    Column("deployment", String, primary_key=True),
    Column("conn_id", String, primary_key=True),
    Column("name", String, primary_key=True),
    _moment("first_seen_at"),
)

alert_table = Table(
    "dcluster_alert",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", Integer, nullable=False),
    _text("kind"),
    Column("threshold", Integer, nullable=False),
    _text("channel"),
    Column("number", Integer, nullable=False),
    _moment("due_at"),
    _moment("claimed_at", nullable=True),
    _moment("sent_at", nullable=True),
    UniqueConstraint("job_id", "kind", "threshold", "channel", "number", name="uq_dcluster_alert_job"),
    Index("ix_dcluster_alert_due", "sent_at", "due_at"),
    sqlite_autoincrement=True,
)

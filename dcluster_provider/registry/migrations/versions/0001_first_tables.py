"""The first tables: clusters, jobs, client settings, instances and events."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply this migration."""
    op.create_table(
        "dcluster_cluster",
        *_request_columns(),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("platform", sa.String, nullable=False),
        sa.Column("tenant", sa.String, nullable=False),
        sa.Column("engine", sa.String, nullable=False),
        sa.Column("long_living", sa.Boolean, nullable=False),
        sa.Column("job_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("master_url", sa.String, nullable=False),
        sa.Column("workers_ready", sa.Integer, nullable=False),
        sa.UniqueConstraint("key", "generation", name="uq_dcluster_cluster_key"),
        sa.UniqueConstraint("name", name="uq_dcluster_cluster_name"),
        sqlite_autoincrement=True,
    )
    _index("cluster", "state", "state", "id")
    _index("cluster", "tenant", "tenant", "state", "id")
    _index("cluster", "owner", "owner_dag_id", "owner_run_id", "owner_task_id")
    op.create_table(
        "dcluster_job",
        *_request_columns(),
        sa.Column("client", sa.String, nullable=False),
        sa.Column("module", sa.String, nullable=False),
        sa.Column("cluster_id", sa.Integer, nullable=False),
        sa.Column("owns_cluster", sa.Boolean, nullable=False),
        sa.Column("exit_code", sa.Integer),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("key", "generation", name="uq_dcluster_job_key"),
        sqlite_autoincrement=True,
    )
    _index("job", "state", "state", "id")
    _index("job", "client", "client", "state", "id")
    _index("job", "module", "client", "module", "state", "id")
    _index("job", "cluster", "cluster_id", "state", "id")
    _index("job", "owner", "owner_dag_id", "owner_run_id", "owner_task_id")
    op.create_table(
        "dcluster_client_setting",
        sa.Column("client", sa.String, primary_key=True),
        sa.Column("monitored", sa.Boolean, nullable=False),
        sa.Column("alert_after", sa.Integer),
    )
    op.create_table(
        "dcluster_instance",
        sa.Column("instance_id", sa.String, primary_key=True),
        sa.Column("info", sa.JSON, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "dcluster_event",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("cluster_id", sa.Integer),
        sa.Column("job_id", sa.Integer),
        sa.Column("dag_id", sa.String),
        sa.Column("run_id", sa.String),
        sa.Column("task_id", sa.String),
        sa.Column("detail", sa.String, nullable=False),
        sqlite_autoincrement=True,
    )
    _index("event", "cluster", "cluster_id", "id")
    _index("event", "job", "job_id", "id")


def _request_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("deployment", sa.String, nullable=False),
        sa.Column("conn_id", sa.String, nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("owner_dag_id", sa.String),
        sa.Column("owner_run_id", sa.String),
        sa.Column("owner_task_id", sa.String),
        sa.Column("owner_map_index", sa.Integer),
        sa.Column("owner_epoch", sa.Integer),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ui_url", sa.String, nullable=False),
        sa.Column("diagnosis", sa.JSON),
    ]


def _index(table: str, name: str, *columns: str) -> None:
    op.create_index(f"ix_dcluster_{table}_{name}", f"dcluster_{table}", columns)

"""Maintenance: orphaned clusters, and alerts about jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply this migration."""
    op.create_table(
        "dcluster_unknown_cluster",
        sa.Column("deployment", sa.String, primary_key=True),
        sa.Column("conn_id", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "dcluster_alert",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("threshold", sa.Integer, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True)),
        sa.Column("told_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("job_id", "kind", "threshold", "channel", "number", name="uq_dcluster_alert_job"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_dcluster_alert_due", "dcluster_alert", ["told_at", "due_at"])

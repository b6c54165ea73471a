"""Epochs of tasks: what Airflow reported in the attempt that began each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply this migration."""
    op.create_table(
        "dcluster_epoch",
        sa.Column("deployment", sa.String, primary_key=True),
        sa.Column("dag_id", sa.String, primary_key=True),
        sa.Column("run_id", sa.String, primary_key=True),
        sa.Column("task_id", sa.String, primary_key=True),
        sa.Column("map_index", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("max_tries", sa.Integer, nullable=False),
        sa.Column("run_clears", sa.Integer, nullable=False),
    )

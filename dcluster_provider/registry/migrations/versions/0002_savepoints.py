"""Savepoints of jobs: whether one is requested, where it is, and why it failed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply this migration."""
    for column in (
        sa.Column("savepoint_wanted", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("savepoint", sa.String, nullable=False, server_default=""),
        sa.Column("savepoint_failure", sa.JSON),
    ):
        op.add_column("dcluster_job", column)

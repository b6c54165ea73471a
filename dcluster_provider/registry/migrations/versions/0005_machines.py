"""Machines: which became nodes, since when they are unused, and what changed of those that a cloud lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply this migration."""
    op.create_table(
        "dcluster_machine",
        sa.Column("deployment", sa.String, primary_key=True),
        sa.Column("conn_id", sa.String, primary_key=True),
        sa.Column("machine_id", sa.String, primary_key=True),
        sa.Column("was_node", sa.Boolean, nullable=False),
        sa.Column("unused_since", sa.DateTime(timezone=True)),
    )
    op.add_column("dcluster_instance", sa.Column("source", sa.String))
    op.add_column("dcluster_instance", sa.Column("changed_at", sa.DateTime(timezone=True)))
    op.add_column("dcluster_instance", sa.Column("changes", sa.JSON))
    op.add_column("dcluster_instance", sa.Column("gone_at", sa.DateTime(timezone=True)))
    op.create_index("ix_dcluster_instance_source", "dcluster_instance", ["source", "gone_at"])

"""Ids of registries: which registry each cluster and job was claimed in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply this migration; the first claim creates the id, so that a copied database template has none."""
    op.create_table(
        "dcluster_registry",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("registry_id", sa.String, nullable=False),
    )
    for table in ("dcluster_cluster", "dcluster_job"):
        op.add_column(table, sa.Column("registry_id", sa.String, nullable=False, server_default=""))

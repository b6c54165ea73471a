"""Locations of clusters: where each was made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply this migration."""
    op.add_column("dcluster_cluster", sa.Column("place", sa.String, nullable=False, server_default=""))

"""Since when a cluster is being resized."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply this migration."""
    op.add_column("dcluster_cluster", sa.Column("resizing_since", sa.DateTime(timezone=True), nullable=True))

"""Results of jobs: what an application returned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply this migration."""
    op.add_column("dcluster_job", sa.Column("result", sa.String))

"""Columns and a table under the names that the code uses."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

_COLUMNS = (
    ("dcluster_cluster", "place", "location"),
    ("dcluster_cluster", "job_seen_at", "last_used_at"),
    ("dcluster_job", "savepoint_wanted", "savepoint_requested"),
    ("dcluster_alert", "told_at", "sent_at"),
)


def upgrade() -> None:
    """Apply this migration."""
    for table, before, after in _COLUMNS:
        op.alter_column(table, before, new_column_name=after)
    op.rename_table("dcluster_unknown_cluster", "dcluster_orphaned_cluster")

"""Codes of diagnoses: what was called the reason of one is its code."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_COLUMNS = {"dcluster_cluster": ("diagnosis",), "dcluster_job": ("diagnosis", "savepoint_failure")}


def upgrade() -> None:
    """Apply this migration."""
    for table, columns in _COLUMNS.items():
        for column in columns:
            _rename_reason(table, column)


def _rename_reason(name: str, column: str) -> None:
    table = sa.table(name, sa.column("id", sa.Integer), sa.column(column, sa.JSON(none_as_null=True)))
    stored, connection = table.c[column], op.get_bind()
    # Read as a whole before the first change: both would share a cursor.
    rows = connection.execute(sa.select(table.c.id, stored).where(stored.is_not(None))).all()
    for number, diagnosis in rows:
        if diagnosis and "reason" in diagnosis:
            code = diagnosis["reason"]
            renamed = {"code": code} | {key: value for key, value in diagnosis.items() if key != "reason"}
            connection.execute(sa.update(table).where(table.c.id == number).values({column: renamed}))

"""Run by Alembic: applies the migrations on the given connection, inside its transaction."""

from __future__ import annotations

from alembic import context

from dcluster_provider.registry.models import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()

"""Migrates the schema of a registry to the present version."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import column, inspect, select, table

from dcluster_provider.core.errors import RegistryUnusable
from dcluster_provider.registry.engine import Database, lock
from dcluster_provider.registry.models import VERSION_TABLE

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

HEAD = "0011"  # the newest migration under versions/


def migrate(url: str) -> None:
    """Migrate the schema of a registry to the version of this package.

    Safe to call from several processes at once and to kill at any line: a migration happens once and whole.

    :param url: as for :class:`~dcluster_provider.registry.store.Registry`.
    :raises RegistryUnusable: the schema is newer than this package, which then leaves it untouched.
    """
    ensure_schema(Database(url))


def ensure_schema(database: Database) -> None:
    """Migrate an open database; a single query when its schema is up to date."""
    exists = database.file is None or database.file.exists()
    if exists and _is_at_head(database):
        return
    with database.explain(), _file_lock(database.file) if database.file else nullcontext():
        if database.file:
            _use_write_ahead_log(database)
        with database.write() as connection:
            lock(connection, ("schema",))
            version = schema_version(connection)
            if version != HEAD:
                _upgrade(database, connection, version)


def schema_version(connection: Connection) -> str | None:
    """The last migration applied to the database; None when it is empty."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar()


def alembic_config(connection: Connection | None = None) -> Any:
    """Alembic's configuration of these migrations, for a connection in a transaction."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _is_at_head(database: Database) -> bool:
    with database.read() as connection:
        return schema_version(connection) == HEAD


def _upgrade(database: Database, connection: Connection, version: str | None) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = alembic_config(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise RegistryUnusable(
            f"The registry {database} has schema {version}, and this dcluster-provider knows none beyond {HEAD}. "
            "Upgrade dcluster-provider here to the version used elsewhere."
        )
    command.upgrade(config, HEAD)


def _use_write_ahead_log(database: Database) -> None:
    # The journal mode is stored in the file, and cannot change within a transaction.
    with database.engine() as engine:
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()


@contextmanager
def _file_lock(file: Path) -> Iterator[None]:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(file.name + ".lock").open("w") as handle:
        # Not flock: a child forked meanwhile would inherit it.
        fcntl.lockf(handle, fcntl.LOCK_EX)
        yield

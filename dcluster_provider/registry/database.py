"""The database that the stores of a registry share."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from dcluster_provider.registry.engine import Database
from dcluster_provider.registry.migrations import ensure_schema, schema_version

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class MigratedDatabase:
    """A database that is opened, and migrated to the present schema, by the first transaction.

    :param url: ``sqlite:////absolute/path/registry.db`` or ``postgresql+psycopg2://...``.
    :raises InvalidSpec: the URL is of another kind.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._schema_is_known = False

    def describe(self) -> str:
        """The address of the database, and its schema version.

        :raises RegistryUnusable: the database cannot be opened, or its schema is newer than this package.
        """
        with self.read() as connection:
            return f"registry {self._database} (schema {schema_version(connection)})"

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction for reading only."""
        self._ensure_schema()
        return self._database.read()

    def write(self) -> AbstractContextManager[Connection]:
        """A transaction that is committed at its end, and rolled back by an exception."""
        self._ensure_schema()
        return self._database.write()

    def _ensure_schema(self) -> None:
        # Two threads may both come here, which does no harm; a lock could be inherited, held, by a fork.
        if not self._schema_is_known:
            ensure_schema(self._database)
            self._schema_is_known = True


class Store:
    """Base of the stores, which share one database."""

    def __init__(self, database: MigratedDatabase) -> None:
        self._read = database.read
        self._write = database.write

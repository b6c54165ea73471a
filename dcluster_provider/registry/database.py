"""What the stores of a registry share: the database, with its schema up to date."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from dcluster_provider.registry.engine import Database
from dcluster_provider.registry.migrations import ensure_schema, schema_version

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class MigratedDatabase:
    """A database that is opened, and its schema brought up to date, by the first transaction.

    :param url: ``sqlite:////absolute/path/registry.db`` or ``postgresql+psycopg2://...``.
    :raises InvalidSpec: the URL is of another kind.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._schema_is_known = False

    def describe(self) -> str:
        """Where the database is, and its schema.

        :raises RegistryUnusable: it cannot be opened, or has a newer schema than this package knows.
        """
        with self.read() as connection:
            return f"registry {self._database} (schema {schema_version(connection)})"

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that changes nothing."""
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
    """One kind of what a registry remembers."""

    def __init__(self, database: MigratedDatabase) -> None:
        self._read = database.read
        self._write = database.write

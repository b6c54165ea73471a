"""What the parts of the registry share: its database, and its schema up to date."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Generic, TypeVar

from typing_extensions import NamedTuple

from dcluster_provider.registry.engine import Database
from dcluster_provider.registry.migrations import ensure_schema, schema_version

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

Record = TypeVar("Record")


class Claim(NamedTuple, Generic[Record]):
    """The answer to a request.

    :param record: the cluster or job that answers it.
    :param created: this call made it; true for exactly one of the callers that ask at once.
    """

    record: Record
    created: bool


class Connected:
    """A part of the registry.

    :param url: of the database: ``sqlite:////absolute/path/registry.db`` or ``postgresql+psycopg2://...``.
    :raises InvalidSpec: the URL is of another kind.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._schema_is_known = False

    def describe(self) -> str:
        """Where the registry is, and that it can be used.

        :raises RegistryUnusable: it cannot be opened, or has a newer schema than this package knows.
        """
        with self._read() as connection:
            return f"registry {self._database} (schema {schema_version(connection)})"

    def _read(self) -> AbstractContextManager[Connection]:
        self._ensure_schema()
        return self._database.read()

    def _write(self) -> AbstractContextManager[Connection]:
        self._ensure_schema()
        return self._database.write()

    def _ensure_schema(self) -> None:
        # Two threads may both come here, which does no harm; a lock could be inherited, held, by a fork.
        if not self._schema_is_known:
            ensure_schema(self._database)
            self._schema_is_known = True

"""The id of a registry, which distinguishes what this registry made from what another one made on the same platform."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from dcluster_provider.core.record import EXTERNAL
from dcluster_provider.registry.database import Store
from dcluster_provider.registry.engine import lock
from dcluster_provider.registry.models import cluster_table, registry_table

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_ROW = 1


class IdentityStore(Store):
    """The identity of a registry."""

    _registry_id = ""

    def get(self) -> str:
        """The id, the same for every process and permanent; the first caller creates it.

        :raises RegistryUnusable: the database cannot be opened, or its schema is newer than this package.
        """
        if not self._registry_id:
            with self._read() as connection:
                found = _stored(connection)
            if not found:
                with self._write() as connection:
                    found = registry_id_of(connection)
            self._registry_id = found
        return self._registry_id


def registry_id_of(connection: Connection) -> str:
    """The id, created if it does not exist.

    :param connection: a connection in a write transaction.
    """
    found = _stored(connection)
    if found:
        return found
    lock(connection, ("registry",))
    found = _stored(connection)  # another process may have created it before this one got the lock
    if found:
        return found
    made = secrets.token_hex(8)
    connection.execute(insert(registry_table), {"id": _ROW, "registry_id": made})
    # The rows of external clusters stay live, and future jobs on them belong to this registry.
    old = (cluster_table.c.platform == EXTERNAL) & (cluster_table.c.registry_id == "")
    connection.execute(update(cluster_table).where(old).values(registry_id=made))
    return made


def _stored(connection: Connection) -> str:
    query = select(registry_table.c.registry_id).where(registry_table.c.id == _ROW)
    return str(connection.execute(query).scalar() or "")

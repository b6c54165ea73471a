"""The id of a registry: it tells what this registry has made from what another has, on the same platform."""

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
    """Who a registry is."""

    _registry_id = ""

    def get(self) -> str:
        """The id, the same for every process and for ever; the first that asks makes it.

        :raises RegistryUnusable: the database cannot be opened, or has a newer schema than this package knows.
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
    """The id, made unless it is there.

    :param connection: in a transaction that writes.
    """
    found = _stored(connection)
    if found:
        return found
    lock(connection, ("registry",))
    found = _stored(connection)  # whoever held the lock before may have made it
    if found:
        return found
    made = secrets.token_hex(8)
    connection.execute(insert(registry_table), {"id": _ROW, "registry_id": made})
    # Rows of clusters that somebody else runs live on, and jobs to come on them are ours.
    old = (cluster_table.c.platform == EXTERNAL) & (cluster_table.c.registry_id == "")
    connection.execute(update(cluster_table).where(old).values(registry_id=made))
    return made


def _stored(connection: Connection) -> str:
    wanted = select(registry_table.c.registry_id).where(registry_table.c.id == _ROW)
    return str(connection.execute(wanted).scalar() or "")

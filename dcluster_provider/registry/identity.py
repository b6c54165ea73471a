"""What tells a registry's work from another's and a request from its retry: the registry's id, and epochs of tasks."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, update

from dcluster_provider.core.identity import Attempt, Epoch, Owner
from dcluster_provider.core.record import EXTERNAL
from dcluster_provider.registry.database import Store
from dcluster_provider.registry.engine import lock
from dcluster_provider.registry.models import cluster_table, epoch_table, registry_table

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_ROW = 1
_TASK = ("deployment", "dag_id", "run_id", "task_id", "map_index")
_LATEST = (
    select(epoch_table.c.epoch, epoch_table.c.max_tries, epoch_table.c.run_clears)
    .where(
        *(epoch_table.c[name] == bindparam(name) for name in _TASK),
        epoch_table.c.epoch <= bindparam("number"),
    )
    .order_by(epoch_table.c.epoch.desc())
    .limit(1)
)


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


class EpochStore(Store):
    """The epochs of a registry."""

    def assign(self, owner: Owner, attempt: Attempt) -> Owner:
        """The owner in the epoch of an attempt, which is stored for later attempts if this one begins it.

        An attempt that still runs while later ones do finds its own epoch.
        """
        with self._read() as connection:
            epoch = _latest(connection, owner, attempt)
        if epoch is None or not attempt.goes_on_with(epoch):
            epoch = self._begin(owner, attempt)
        return replace(owner, epoch=epoch.number)

    def _begin(self, owner: Owner, attempt: Attempt) -> Epoch:
        with self._write() as connection:
            lock(connection, (epoch_table.name, owner.key))
            known = _latest(connection, owner, attempt)
            if known is not None and attempt.goes_on_with(known):
                return known
            begun = attempt.begins()
            values = {"epoch": begun.number, "max_tries": begun.max_tries, "run_clears": begun.run_clears}
            connection.execute(insert(epoch_table), _task(owner) | values)
            return begun


def _latest(connection: Connection, owner: Owner, attempt: Attempt) -> Epoch | None:
    row = connection.execute(_LATEST, _task(owner) | {"number": attempt.number}).first()
    return Epoch(*row) if row else None


def _task(owner: Owner) -> dict[str, Any]:
    return {name: getattr(owner, name) for name in _TASK}

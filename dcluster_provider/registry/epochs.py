"""The epochs of tasks: what Airflow reported in the attempt that began each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select

from dcluster_provider.core.identity import Attempt, Epoch, Owner
from dcluster_provider.registry.database import Store
from dcluster_provider.registry.engine import lock
from dcluster_provider.registry.models import epoch_table as table

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_TASK = ("deployment", "dag_id", "run_id", "task_id", "map_index")
_LATEST = (
    select(table.c.epoch, table.c.max_tries, table.c.run_clears)
    .where(*(table.c[name] == bindparam(name) for name in _TASK), table.c.epoch <= bindparam("number"))
    .order_by(table.c.epoch.desc())
    .limit(1)
)


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
            lock(connection, (table.name, owner.key))
            known = _latest(connection, owner, attempt)
            if known is not None and attempt.goes_on_with(known):
                return known
            begun = attempt.begins()
            values = {"epoch": begun.number, "max_tries": begun.max_tries, "run_clears": begun.run_clears}
            connection.execute(insert(table), _task(owner) | values)
            return begun


def _latest(connection: Connection, owner: Owner, attempt: Attempt) -> Epoch | None:
    row = connection.execute(_LATEST, _task(owner) | {"number": attempt.number}).first()
    return Epoch(*row) if row else None


def _task(owner: Owner) -> dict[str, Any]:
    return {name: getattr(owner, name) for name in _TASK}

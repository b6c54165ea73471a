"""What is remembered of clients: how their jobs are watched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, insert, select, update

from dcluster_provider.registry.connected import Connected
from dcluster_provider.registry.engine import lock
from dcluster_provider.registry.models import client_setting_table

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


@dataclass(frozen=True)
class ClientSetting:
    """How a client's jobs are watched.

    :param monitored: long-running jobs of the client raise an alert.
    :param alert_after: seconds that a job may run before; none means the connection's default.
    """

    client: str
    monitored: bool = True
    alert_after: int | None = None


class SettingStore(Connected):
    """The client settings of a registry."""

    def client_setting(self, client: str) -> ClientSetting:
        """The client's setting; a client without one is monitored."""
        table = client_setting_table
        with self._read() as connection:
            row = connection.execute(select(table).where(table.c.client == client)).first()
        return ClientSetting(**row._asdict()) if row else ClientSetting(client)

    def is_monitored(self, client: str) -> bool:
        """Whether long-running jobs of the client raise an alert."""
        return self.client_setting(client).monitored

    def set_client_setting(self, client: str, *, monitored: bool, alert_after: int | None = None) -> None:
        """Replace the client's setting; the arguments are those of :class:`ClientSetting`."""
        values = {"monitored": monitored, "alert_after": alert_after}
        with self._write() as connection:
            _put(connection, client_setting_table, {"client": client}, values)


def _put(connection: Connection, table: Table, key: dict[str, str], values: dict[str, Any]) -> None:
    [(name, value)] = key.items()
    lock(connection, (table.name, value))
    found = connection.execute(update(table).where(table.c[name] == value), values)
    if not found.rowcount:
        connection.execute(insert(table), {**key, **values})

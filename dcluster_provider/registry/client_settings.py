"""The settings of clients: how their jobs are monitored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import insert, select, update

from dcluster_provider.registry.database import Store
from dcluster_provider.registry.engine import lock
from dcluster_provider.registry.models import client_setting_table as table
from dcluster_provider.registry.queries import chunks


@dataclass(frozen=True)
class ClientSetting:
    """How a client's jobs are monitored.

    :param monitored: whether long-running jobs of the client raise an alert.
    :param alert_after: seconds that a job may run before the alert; None means the connection's default.
    """

    client: str
    monitored: bool = True
    alert_after: int | None = None


class ClientSettingStore(Store):
    """The client settings of a registry, with defaults for the others."""

    def get(self, client: str) -> ClientSetting:
        """The setting of a client; a client without one is monitored."""
        return self.get_many([client])[client]

    def get_many(self, clients: Iterable[str]) -> dict[str, ClientSetting]:
        """The settings of several clients, by client; one without a setting has the defaults."""
        found = {client: ClientSetting(client) for client in clients}
        with self._read() as connection:
            for chunk in chunks(found):
                query = select(table).where(table.c.client.in_(chunk))
                found.update(
                    {row.client: ClientSetting(**row._asdict()) for row in connection.execute(query)}
                )
        return found

    def is_monitored(self, client: str) -> bool:
        """Whether long-running jobs of the client raise an alert."""
        return self.get(client).monitored

    def save(self, client: str, *, monitored: bool, alert_after: int | None = None) -> None:
        """Replace a client's setting; the arguments are those of :class:`ClientSetting`."""
        values = {"monitored": monitored, "alert_after": alert_after}
        with self._write() as connection:
            lock(connection, (table.name, client))
            found = connection.execute(update(table).where(table.c.client == client), values)
            if not found.rowcount:
                connection.execute(insert(table), {"client": client, **values})

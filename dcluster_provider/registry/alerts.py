"""The alerts about jobs, and which clients want them: each is sent once, whoever sends at once and is killed.

A sender claims an alert first and confirms it afterwards. A claim that is neither confirmed nor released expires, so
that the alert of a killed sender is sent by the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from dcluster_provider.core.alert import FAILED, MAIL
from dcluster_provider.core.record import Job, JobState
from dcluster_provider.registry.database import Store
from dcluster_provider.registry.engine import lock
from dcluster_provider.registry.models import alert_table, client_setting_table, job_table
from dcluster_provider.registry.queries import chunks, insert_row
from dcluster_provider.registry.records import Scope

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

CLAIM_LAPSES = timedelta(minutes=10)  # longer than any delivery takes
_FAILURES = (JobState.FAILED, JobState.UNKNOWN)


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
                query = select(client_setting_table).where(client_setting_table.c.client.in_(chunk))
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
            lock(connection, (client_setting_table.name, client))
            found = connection.execute(
                update(client_setting_table).where(client_setting_table.c.client == client), values
            )
            if not found.rowcount:
                connection.execute(insert(client_setting_table), {"client": client, **values})


@dataclass(frozen=True)
class AlertClaim:
    """The right to send one alert.

    :param alert_id: the alert's row.
    :param claimed_at: distinguishes this claim from a later one of the same alert.
    """

    alert_id: int
    claimed_at: datetime


class AlertStore(Store):
    """The alerts of a registry, sent and due."""

    def claim(
        self,
        job_id: int,
        kind: str,
        channel: str,
        now: datetime,
        *,
        threshold: int = 0,
        repeat: timedelta | None = None,
    ) -> AlertClaim | None:
        """Claim an alert about a job; None when it was sent, or is being sent by another process.

        :param kind: ``long_running``; or ``failed``, which becomes due with the end of the job.
        :param channel: the channel to send by; each channel is claimed separately.
        :param now: the current time.
        :param threshold: the limit in seconds that the job has exceeded, for a long-running one.
        :param repeat: after which the alert is sent again; None means never.
        """
        filters = {"job_id": job_id, "kind": kind, "threshold": threshold, "channel": channel}
        with self._write() as connection:
            lock(connection, (alert_table.name, str(job_id), kind))
            latest = _latest(connection, filters)
            if not _is_due(latest, kind, repeat, now):
                return None
            if latest is not None and latest.sent_at is None:
                connection.execute(
                    update(alert_table).where(alert_table.c.id == latest.id), {"claimed_at": now}
                )
                return AlertClaim(latest.id, now)
            number = 1 if latest is None else latest.number + 1
            added = _add(connection, {**filters, "number": number, "due_at": now, "claimed_at": now})
            return AlertClaim(added, now)

    def is_due(
        self,
        job_id: int,
        kind: str,
        channel: str,
        now: datetime,
        *,
        threshold: int = 0,
        repeat: timedelta | None = None,
    ) -> bool:
        """Whether :meth:`claim` would succeed; nothing is changed."""
        filters = {"job_id": job_id, "kind": kind, "threshold": threshold, "channel": channel}
        with self._read() as connection:
            return _is_due(_latest(connection, filters), kind, repeat, now)

    def confirm(self, claim: AlertClaim, now: datetime) -> None:
        """Record that the alert was sent."""
        self._settle(claim, {"sent_at": now})

    def release(self, claim: AlertClaim) -> None:
        """Record that the alert could not be sent, so that another process may claim it."""
        self._settle(claim, {"claimed_at": None})

    def failed_jobs_due(
        self, scope: Scope, since: datetime, *, after_id: int = 0, limit: int = 500
    ) -> list[tuple[int, int]]:
        """Failed jobs whose recipients were not notified, as pairs of alert id and job id, oldest first.

        :param since: alerts due before this moment have expired.
        :param after_id: the last alert of the previous page.
        """
        columns, jobs = alert_table.c, job_table.c
        query = (
            select(columns.id, columns.job_id)
            .join(job_table, jobs.id == columns.job_id)
            .where(columns.sent_at.is_(None), columns.due_at >= since, columns.kind == FAILED)
            .where(jobs.deployment == scope.deployment, jobs.conn_id == scope.conn_id, columns.id > after_id)
            .order_by(columns.id)
            .limit(limit)
        )
        with self._read() as connection:
            return [(row.id, row.job_id) for row in connection.execute(query)]

    def _settle(self, claim: AlertClaim, values: dict[str, Any]) -> None:
        mine = [alert_table.c.id == claim.alert_id, alert_table.c.claimed_at == claim.claimed_at]
        with self._write() as connection:
            connection.execute(update(alert_table).where(*mine), values)


def make_failure_due(connection: Connection, job: Job) -> None:
    """Make the alert about a failed job due, in the transaction that saves its end."""
    if job.state in _FAILURES and job.spec.email_recipients:
        values = {"job_id": job.id, "kind": FAILED, "threshold": 0, "channel": MAIL, "number": 1}
        _add(connection, {**values, "due_at": job.ended_at or job.state_since, "claimed_at": None})


def _latest(connection: Connection, filters: dict[str, Any]) -> Any:
    conditions = [alert_table.c[name] == value for name, value in filters.items()]
    return connection.execute(
        select(alert_table).where(*conditions).order_by(alert_table.c.number.desc()).limit(1)
    ).first()


def _is_due(latest: Any, kind: str, repeat: timedelta | None, now: datetime) -> bool:
    if latest is None:
        return kind != FAILED
    if latest.sent_at is not None:
        return repeat is not None and now - latest.sent_at >= repeat
    return latest.claimed_at is None or now - latest.claimed_at >= CLAIM_LAPSES


def _add(connection: Connection, values: dict[str, Any]) -> int:
    return insert_row(connection, alert_table, {**values, "sent_at": None})

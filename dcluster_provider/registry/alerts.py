"""Who was told what of a job: each thing once, however many tell at once and whoever is killed meanwhile.

Whoever is about to tell claims the alert first and confirms it afterwards. A claim that is neither confirmed nor
released lapses, so that an alert whose teller was killed is told by the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from dcluster_provider.core.alert import FAILED, MAIL
from dcluster_provider.core.record import Job, JobState
from dcluster_provider.registry.database import Store
from dcluster_provider.registry.engine import lock
from dcluster_provider.registry.models import alert_table as table
from dcluster_provider.registry.models import job_table
from dcluster_provider.registry.queries import insert_row
from dcluster_provider.registry.records import Scope

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

CLAIM_LAPSES = timedelta(minutes=10)  # longer than any delivery takes
_FAILURES = (JobState.FAILED, JobState.UNKNOWN)


@dataclass(frozen=True)
class AlertClaim:
    """The right to tell somebody something.

    :param claimed_at: tells this claim from one that follows it after it has lapsed.
    """

    alert_id: int
    claimed_at: datetime


class AlertStore(Store):
    """The alerts of a registry."""

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
        """The right to tell of a job now, or nothing when it was told, or is being told by somebody else.

        :param kind: ``long_running``; or ``failed``, which is due only when the job's end has made it so.
        :param channel: by which way it is told; each is claimed by itself.
        :param threshold: seconds that the job has run for, as far as the alert is about them.
        :param repeat: after which it is told once more; none means never.
        """
        wanted = {"job_id": job_id, "kind": kind, "threshold": threshold, "channel": channel}
        with self._write() as connection:
            lock(connection, (table.name, str(job_id), kind))
            latest = _latest(connection, wanted)
            if not _is_due(latest, kind, repeat, now):
                return None
            if latest is not None and latest.told_at is None:
                connection.execute(update(table).where(table.c.id == latest.id), {"claimed_at": now})
                return AlertClaim(latest.id, now)
            number = 1 if latest is None else latest.number + 1
            added = _add(connection, {**wanted, "number": number, "due_at": now, "claimed_at": now})
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
        """Whether :meth:`claim` would give the right to tell; nothing is changed."""
        wanted = {"job_id": job_id, "kind": kind, "threshold": threshold, "channel": channel}
        with self._read() as connection:
            return _is_due(_latest(connection, wanted), kind, repeat, now)

    def confirm(self, claim: AlertClaim, now: datetime) -> None:
        """It was told."""
        self._settle(claim, {"told_at": now})

    def release(self, claim: AlertClaim) -> None:
        """It could not be told; whoever comes next may."""
        self._settle(claim, {"claimed_at": None})

    def failed_jobs_due(
        self, scope: Scope, since: datetime, *, after_id: int = 0, limit: int = 500
    ) -> list[tuple[int, int]]:
        """Jobs that failed and whose recipients were not told, as pairs of alert and job, oldest first.

        :param since: what is due since before then is given up.
        :param after_id: the last alert of the page before.
        """
        columns, jobs = table.c, job_table.c
        query = (
            select(columns.id, columns.job_id)
            .join(job_table, jobs.id == columns.job_id)
            .where(columns.told_at.is_(None), columns.due_at >= since, columns.kind == FAILED)
            .where(jobs.deployment == scope.deployment, jobs.conn_id == scope.conn_id, columns.id > after_id)
            .order_by(columns.id)
            .limit(limit)
        )
        with self._read() as connection:
            return [(row.id, row.job_id) for row in connection.execute(query)]

    def _settle(self, claim: AlertClaim, values: dict[str, Any]) -> None:
        mine = [table.c.id == claim.alert_id, table.c.claimed_at == claim.claimed_at]
        with self._write() as connection:
            connection.execute(update(table).where(*mine), values)


def make_failure_due(connection: Connection, job: Job) -> None:
    """Have a job's recipients told that it failed, in the transaction that saves its end."""
    if job.state in _FAILURES and job.spec.email_recipients:
        values = {"job_id": job.id, "kind": FAILED, "threshold": 0, "channel": MAIL, "number": 1}
        _add(connection, {**values, "due_at": job.ended_at or job.state_since, "claimed_at": None})


def _latest(connection: Connection, wanted: dict[str, Any]) -> Any:
    conditions = [table.c[name] == value for name, value in wanted.items()]
    return connection.execute(
        select(table).where(*conditions).order_by(table.c.number.desc()).limit(1)
    ).first()


def _is_due(latest: Any, kind: str, repeat: timedelta | None, now: datetime) -> bool:
    if latest is None:
        return kind != FAILED
    if latest.told_at is not None:
        return repeat is not None and now - latest.told_at >= repeat
    return latest.claimed_at is None or now - latest.claimed_at >= CLAIM_LAPSES


def _add(connection: Connection, values: dict[str, Any]) -> int:
    return insert_row(connection, table, {**values, "told_at": None})

"""Notifies people of jobs that run long or have failed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from dcluster_provider.control.jobs import Jobs
from dcluster_provider.control.settings import Settings
from dcluster_provider.control.upkeep.maintenance_run import pages
from dcluster_provider.control.upkeep.report import Notes
from dcluster_provider.core.alert import FAILED, LONG_RUNNING, MAIL, Alert
from dcluster_provider.core.errors import DClusterError
from dcluster_provider.core.record import Job, JobState
from dcluster_provider.registry.records import Scope

if TYPE_CHECKING:
    from dcluster_provider.registry.store import Registry

_LOG = logging.getLogger(__name__)
_RUNNING = (JobState.RUNNING, JobState.STOPPING)
_FAILURES_KEPT = timedelta(days=1)  # after which nobody is notified of a failure any more


class Delivery(Protocol):
    """The channels by which people are notified."""

    def channels(self, alert: Alert) -> Sequence[str]:
        """The names of the channels for this alert, the same in every maintenance run."""

    def send(self, alert: Alert, channel: str) -> None:
        """Send the alert by one channel; any exception means that it was not sent."""


class Alerts:
    """The alerts that one maintenance run sends, and its notes about them."""

    def __init__(  # noqa: PLR0917  # each is one of the parts of a run
        self,
        registry: Registry,
        jobs: Jobs,
        settings: Settings,
        delivery: Delivery,
        notes: Notes,
        now: datetime,
    ) -> None:
        self._registry = registry
        self._jobs = jobs
        self._settings = settings
        self._delivery = delivery
        self._notes = notes
        self._now = now
        self._scope = Scope(settings.deployment, settings.conn_id)

    def notify_long_running(self) -> None:
        """Notify of every job that runs longer than its client's limit."""
        registry, scope = self._registry, self._scope
        for page in pages(
            lambda after, most: registry.jobs.list_live(scope, _RUNNING, after_id=after, limit=most)
        ):
            self._notes.count("running jobs", len(page))
            late = self._late(page)
            for job in self._still_running([job for job in page if job.id in late]):
                alert = self._alert(LONG_RUNNING, job, timedelta(seconds=late[job.id]))
                self._notify(alert, late[job.id], self._settings.alert_repeat)

    def notify_failures(self) -> None:
        """Notify the recipients of failed jobs whose submitting tasks could not."""
        last, since = 0, self._now - _FAILURES_KEPT
        while due := self._registry.alerts.failed_jobs_due(self._scope, since, after_id=last):
            self._notes.count("failures to notify of", len(due))
            for job in self._registry.jobs.get_many(job_id for _, job_id in due):
                self.notify_failure(job)
            last = due[-1][0]

    def notify_failure(self, job: Job) -> None:
        """Notify the recipients of a failed job, unless they were notified already."""
        self._notify(self._alert(FAILED, job, None), 0, None)

    def _late(self, page: Sequence[Job]) -> dict[int, int]:
        """The ids of the jobs that run longer than their limit, with that limit in seconds."""
        settings = self._registry.client_settings.get_many(job.client for job in page)
        late = {}
        for job in page:
            setting = settings[job.client]
            limit = setting.alert_after or int(self._settings.alert_after.total_seconds())
            if not setting.monitored or job.started_at is None:
                continue
            if (self._now - job.started_at).total_seconds() >= limit:
                late[job.id] = limit
        return late

    def _still_running(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs that still run: a job may have ended since it was last polled."""
        if not jobs or self._notes.dry_run:
            return list(jobs)
        try:
            polled = self._jobs.observe([job.id for job in jobs])
        except DClusterError as error:
            _LOG.warning("Long-running jobs could not be polled: %s", error)
            return list(jobs)
        return [job for job in polled.values() if job.state in _RUNNING]

    def _alert(self, kind: str, job: Job, threshold: timedelta | None) -> Alert:
        cluster = next(iter(self._registry.clusters.get_many([job.cluster_id])), None)
        is_there = cluster is not None and not cluster.state.is_final
        links = {
            "Job log": self._settings.job_log_url(job.id),
            "Grafana": self._settings.grafana.of_job(job, cluster) if cluster else "",
            "Engine UI": job.ui_url or (cluster.ui_url if cluster and is_there else ""),
        }
        return Alert(
            kind, job, cluster, self._now, threshold, {name: url for name, url in links.items() if url}
        )

    def _notify(self, alert: Alert, threshold: int, repeat: timedelta | None) -> None:
        channels = self._delivery.channels(alert)
        if alert.kind == FAILED:
            channels = [channel for channel in channels if channel == MAIL]
        if not channels:
            self._notes.left(alert.job, f"{alert.what}, but there is no channel to notify anybody")
        for channel in channels:
            self._notify_by(channel, alert, threshold, repeat)

    def _notify_by(self, channel: str, alert: Alert, threshold: int, repeat: timedelta | None) -> None:
        job_id, why = alert.job.id, f"{alert.what} ({channel})"
        if self._notes.dry_run:
            is_due = self._registry.alerts.is_due(
                job_id, alert.kind, channel, self._now, threshold=threshold, repeat=repeat
            )
            if is_due:
                self._notes.did("notified", alert.job, why)
            return
        claim = self._registry.alerts.claim(
            job_id, alert.kind, channel, self._now, threshold=threshold, repeat=repeat
        )
        if claim is None:
            self._notes.count("alerts sent before", 1)
            return
        try:
            self._delivery.send(alert, channel)
        except Exception as error:  # noqa: BLE001  # a notifier may raise whatever it likes
            self._registry.alerts.release(claim)
            _LOG.warning("The alert about %s could not be sent by %s", alert.job, channel, exc_info=True)
            self._notes.left(
                alert.job, f"{why}: {type(error).__name__}: {error}; it will be retried in the next run"
            )
        else:
            self._registry.alerts.confirm(claim, self._now)
            self._notes.did("notified", alert.job, why)

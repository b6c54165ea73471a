"""The use cases of maintenance."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.jobs import Jobs
from dcluster_provider.control.records import utc_now
from dcluster_provider.control.settings import Settings
from dcluster_provider.control.upkeep.alerts import Alerts, Delivery
from dcluster_provider.control.upkeep.cluster_check import check_clusters, check_jobs
from dcluster_provider.control.upkeep.maintenance_run import MaintenanceRun, OwnerStates, no_owner_states
from dcluster_provider.control.upkeep.platform_check import check_platform, remove_remains
from dcluster_provider.control.upkeep.report import MaintenanceReport, Notes
from dcluster_provider.core.errors import CredentialsRefused, DClusterError, PlatformUnavailable
from dcluster_provider.core.record import Job
from dcluster_provider.platforms.base import Platform
from dcluster_provider.platforms.capabilities import SupportsExternalClusters

if TYPE_CHECKING:
    from dcluster_provider.registry.store import Registry

UNKNOWN_AFTER = 600.0


class Upkeep:
    """Maintains the clusters and jobs of one connection; each call is one run.

    Runs may overlap, and may be killed at any line: the next run continues.
    """

    def __init__(
        self, registry: Registry, platform: Platform, settings: Settings, clusters: Clusters, jobs: Jobs
    ) -> None:
        self._registry = registry
        self._platform = platform
        self._settings = settings
        self._clusters = clusters
        self._jobs = jobs

    def check_clusters(
        self,
        owner_states: OwnerStates = no_owner_states,
        *,
        dry_run: bool = False,
        unknown_after: float = UNKNOWN_AFTER,
    ) -> MaintenanceReport:
        """Bring registry and platform into line, and terminate what is due.

        :param owner_states: reads the states of owners from Airflow; what belongs to an owner without one is left
            alone.
        :param dry_run: change nothing, and report what would be done by the registry's records.
        :param unknown_after: seconds for which an orphaned cluster (on the platform and not in the registry) is only
            recorded; a later run removes it.
        :raises PlatformUnavailable: the platform's clusters cannot be listed; nothing was changed.
        """
        from dcluster_provider.registry.records import Scope

        notes = Notes("Cluster check", dry_run)
        names, job_ids = self._list(notes)
        now = utc_now()
        if not dry_run:
            self._registry.jobs.touch_clusters(now)
        check = MaintenanceRun(
            self._registry,
            self._platform,
            self._clusters,
            self._jobs,
            Scope(self._settings.deployment, self._settings.conn_id),
            self._settings.limits,
            owner_states,
            notes,
            now,
        )
        check_jobs(check)
        check_clusters(check)
        check_platform(check, names, timedelta(seconds=unknown_after))
        remove_remains(check, job_ids)
        return notes.report()

    def alert_long_running(self, delivery: Delivery, *, dry_run: bool = False) -> MaintenanceReport:
        """Notify of jobs that run longer than their client's limit, and of failures that nobody was notified of yet.

        :param delivery: the channels by which people are notified.
        :param dry_run: send nothing and change nothing; the report has what would be sent.
        """
        notes = Notes("Long-running jobs", dry_run)
        alerts = self._alerts(delivery, notes)
        alerts.notify_long_running()
        alerts.notify_failures()
        return notes.report()

    def notify_failure(self, job: Job, delivery: Delivery) -> MaintenanceReport:
        """Notify the recipients of a failed job, unless they were notified already."""
        notes = Notes("Failed job", dry_run=False)
        self._alerts(delivery, notes).notify_failure(job)
        return notes.report()

    def _alerts(self, delivery: Delivery, notes: Notes) -> Alerts:
        return Alerts(self._registry, self._jobs, self._settings, delivery, notes, utc_now())

    def _list(self, notes: Notes) -> tuple[list[str], list[int]]:
        try:
            names = self._platform.list_clusters()
            if not isinstance(self._platform, SupportsExternalClusters):
                return names, []
            return names, self._platform.external_jobs()
        except CredentialsRefused:
            raise
        except (DClusterError, OSError) as error:
            raise PlatformUnavailable(
                f"The clusters of the {self._platform.name} platform of connection {self._settings.conn_id!r} cannot "
                f"be listed: {error}. The check stopped before anything was changed. {notes.report().summary()}"
            ) from error

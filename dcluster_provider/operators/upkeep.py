"""Operators of maintenance, for DAGs that run every few minutes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from dcluster_provider.core.arguments import flag, reject_unknown_arguments
from dcluster_provider.hooks.connection import DEFAULT_CONN_ID
from dcluster_provider.operators.arguments import failing_for_good

if TYPE_CHECKING:
    from airflow.sdk import BaseNotifier, Context

    from dcluster_provider.control.upkeep.report import MaintenanceReport
    from dcluster_provider.hooks.dcluster import DClusterHook


class DClusterUpkeepOperator(BaseOperator):
    """Base of the maintenance operators: arguments, hook and report.

    :param dcluster_conn_id: id of the connection, templated; the default one need not exist.
    :param dry_run: change nothing and notify nobody; the report has what would be done. Templated.
    """

    template_fields: Sequence[str] = ("dcluster_conn_id", "only_report")
    ui_color = "#eef6e6"

    def __init__(
        self, *, dcluster_conn_id: str = DEFAULT_CONN_ID, dry_run: bool | str = False, **kwargs: Any
    ) -> None:
        reject_unknown_arguments(type(self), kwargs)
        super().__init__(**kwargs)
        self.dcluster_conn_id = dcluster_conn_id
        self.only_report = dry_run  # every operator of Airflow has a method called dry_run

    @cached_property
    def hook(self) -> DClusterHook:
        """The hook of the operator's connection, created at its first use."""
        from dcluster_provider.hooks.dcluster import DClusterHook

        return DClusterHook(self.dcluster_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002  # Airflow passes it
        """Make one maintenance run; its report is logged as a table, and returned.

        :raises AirflowFailException: ``dry_run`` is neither true nor false, or the connection does not exist.
        """
        with failing_for_good(self):
            report = self.run_maintenance(dry_run=flag("dry_run", self.only_report))
        for line in str(report).splitlines():
            self.log.info("%s", line)
        return report.as_json()

    def run_maintenance(self, *, dry_run: bool) -> MaintenanceReport:
        """Make the run and return its report."""
        raise NotImplementedError


class DClusterCheckClustersOperator(DClusterUpkeepOperator):
    """Terminates orphaned clusters, stops orphaned jobs, and completes what was interrupted; returns the report.

    :param unknown_after: seconds, or a timedelta, for which a cluster that is on the platform and not in the registry
        is only recorded; a later run removes it.

    The other arguments are those of :class:`DClusterUpkeepOperator`.

    :raises PlatformUnavailable: the platform's clusters cannot be listed; nothing was changed.
    """

    def __init__(self, *, unknown_after: float | timedelta = 600, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        seconds = unknown_after.total_seconds() if isinstance(unknown_after, timedelta) else unknown_after
        if seconds < 0:
            raise ValueError(
                f"{self.task_id}: unknown_after: {unknown_after!r} is not a number of seconds, 0 or above, nor such a "
                "timedelta"
            )
        self.unknown_after = seconds

    def run_maintenance(self, *, dry_run: bool) -> MaintenanceReport:
        """Make one cluster check."""
        return self.hook.upkeep.check_clusters(dry_run=dry_run, unknown_after=self.unknown_after)


class DClusterAlertLongRunningJobsOperator(DClusterUpkeepOperator):
    """Notifies of jobs that run longer than their client's limit; returns the report.

    A job's emailRecipients get an email, also about its failure when the submitting task could not send one.

    :param notifiers: Airflow notifiers that are called for every such job, beside the configured one; their context
        has ``alert``.

    The other arguments are those of :class:`DClusterUpkeepOperator`.
    """

    def __init__(self, *, notifiers: Sequence[BaseNotifier] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.notifiers = list(notifiers)

    def run_maintenance(self, *, dry_run: bool) -> MaintenanceReport:
        """Check the running jobs and notify."""
        return self.hook.upkeep.alert_long_running(dry_run=dry_run, notifiers=self.notifiers)


class DClusterCleanupNodesOperator(DClusterUpkeepOperator):
    """Releases machines that nothing has used for a while; returns the report.

    A machine that nothing uses is recorded, and released by a later run if nothing uses it then.

    The arguments are those of :class:`DClusterUpkeepOperator`.

    :raises PlatformUnavailable: the cloud, the nodes or the pods could not be listed completely; nothing was changed.
    """

    def run_maintenance(self, *, dry_run: bool) -> MaintenanceReport:
        """Make one node clean-up."""
        return self.hook.upkeep.cleanup_nodes(dry_run=dry_run)

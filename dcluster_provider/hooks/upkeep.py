"""Upkeep with an Airflow at hand: it knows the owners, and its notifiers tell people."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dcluster_provider.control.upkeep.report import MaintenanceReport
from dcluster_provider.control.upkeep.upkeep import UNKNOWN_AFTER, Upkeep
from dcluster_provider.core.record import Job

if TYPE_CHECKING:
    from airflow.sdk import BaseNotifier

    from dcluster_provider.control.nodes.nodes import Nodes

_LOG = logging.getLogger(__name__)


class HookUpkeep:
    """What is done every few minutes for the clusters and jobs of one connection; each call is one pass."""

    def __init__(self, upkeep: Upkeep, nodes: Nodes) -> None:
        self._upkeep = upkeep
        self._nodes = nodes

    def check_clusters(
        self, *, dry_run: bool = False, unknown_after: float = UNKNOWN_AFTER
    ) -> MaintenanceReport:
        """Bring registry and platform into line, and end what is due to be ended.

        :param dry_run: change nothing at all, and tell what would be done by what the registry knows.
        :param unknown_after: seconds for which a cluster on the platform that the registry does not know is only
            remembered; a pass after that removes it.
        :raises PlatformUnavailable: the platform's clusters cannot be listed; nothing was changed.
        """
        from dcluster_provider.hooks.owner_states import owner_states

        return self._upkeep.check_clusters(owner_states, dry_run=dry_run, unknown_after=unknown_after)

    def cleanup_nodes(self, *, dry_run: bool = False) -> MaintenanceReport:
        """Give back the machines that nothing has used for a while: one pass finds them, a later one gives them back.

        :param dry_run: change nothing at all, and tell what would be done.
        :raises PlatformUnavailable: the cloud, the nodes or the pods could not be listed whole; nothing was changed.
        """
        return self._nodes.clean_up(dry_run=dry_run)

    def alert_long_running(
        self, *, dry_run: bool = False, notifiers: Sequence[BaseNotifier] = ()
    ) -> MaintenanceReport:
        """Tell of jobs that run longer than their client's threshold, and of failures that nobody could tell of yet.

        A job's emailRecipients are told by mail, everybody else by the configured notifier and those given.

        :param dry_run: tell nobody and change nothing; the report says what would be told.
        :param notifiers: of Airflow; ``alert`` is in the context that they are called with.
        :raises InvalidSpec: the configured notifier cannot be made; nobody was told.
        """
        from dcluster_provider.hooks.delivery import NotifierDelivery

        return self._upkeep.alert_long_running(NotifierDelivery(notifiers), dry_run=dry_run)

    def notify_failure(self, job: Job) -> None:
        """Tell a failed job's emailRecipients, unless they were told; that it cannot be told fails nothing else."""
        if not job.spec.email_recipients:
            return
        from dcluster_provider.hooks.delivery import NotifierDelivery

        try:
            report = self._upkeep.notify_failure(job, NotifierDelivery())
        except Exception:  # noqa: BLE001  # the job's own failure is what matters
            _LOG.warning("Nobody could be told of the failure of %s", job, exc_info=True)
        else:
            _LOG.info("%s", report)

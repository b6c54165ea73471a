"""Spark standalone clusters and their jobs."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.core.spec import ClusterSpec
from dcluster_provider.engines.spark.conf import Worker, never_fits
from dcluster_provider.platforms.local.ending import while_not_ended
from dcluster_provider.platforms.local.job_process import STOP_GRACE
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.plan import ClusterPlan
from dcluster_provider.platforms.local.processes.process import Command
from dcluster_provider.platforms.local.processes.termination import end
from dcluster_provider.platforms.local.spark import launch as spark_launch
from dcluster_provider.platforms.local.spark.settings import MASTER_PORT, UI_PORT, driver_settings
from dcluster_provider.platforms.local.spark.view import SparkView


class SparkProcesses:
    """See :class:`~dcluster_provider.platforms.local.process_engine.ProcessEngine` for the methods."""

    client_title = "The driver"

    def wanted_ports(self, spec: ClusterSpec) -> dict[str, int | None]:
        """The ports of the master and its page."""
        return spark_launch.wanted_ports(spec)

    def external_ports(self, cluster: Cluster) -> dict[str, int]:
        """The ports of the master's address and of its page."""
        master, page = urlsplit(cluster.master_url), urlsplit(cluster.ui_url)
        return {MASTER_PORT: master.port or 7077, UI_PORT: page.port or 8080}

    def commands(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster) -> dict[str, Command]:
        """The master and the workers."""
        return spark_launch.commands(place, plan, cluster)

    def start_job(
        self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster, job: Job, given: Mapping[str, str]
    ) -> None:
        """Start the driver.

        :raises PlatformRefused: no worker could ever hold one of its executors.
        """
        settings = driver_settings(plan, cluster, job)
        diagnosis = never_fits(settings, Worker(plan.worker_cores, plan.worker_mib))
        if diagnosis:
            raise PlatformRefused(str(job), diagnosis)
        with while_not_ended(place, str(job)):
            place.job(job).process.start(spark_launch.driver_command(place, plan, cluster, job, given))

    def stop_job(self, place: ClusterPlace, plan: ClusterPlan, job: Job) -> None:  # noqa: ARG002
        """End the driver; its executors go with it."""
        end([place.job(job).process], STOP_GRACE)

    def savepoint_folder(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster, job: Job) -> str:  # noqa: ARG002
        """None: Spark has no savepoints."""
        return ""

    def view(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster) -> SparkView:
        """The cluster, with one answer of its master."""
        return SparkView.take(place, plan, cluster.spec.extra_configs)

"""Spark standalone clusters and their jobs."""

from __future__ import annotations

from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.core.spec import ClusterSpec
from dcluster_provider.engines.spark import Worker, never_fits
from dcluster_provider.platforms.local import spark_launch
from dcluster_provider.platforms.local.ending import while_not_ended
from dcluster_provider.platforms.local.job_process import STOP_GRACE
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.plan import ClusterPlan
from dcluster_provider.platforms.local.process import Command
from dcluster_provider.platforms.local.process_end import end
from dcluster_provider.platforms.local.spark_settings import driver_settings
from dcluster_provider.platforms.local.spark_view import SparkView


class SparkSide:
    """Spark's part in the local platform."""

    def check_cluster(self, spec: ClusterSpec) -> None:
        """See :class:`~dcluster_provider.platforms.local.engine_side.EngineSide`."""
        spark_launch.check_cluster(spec)

    def wanted_ports(self, spec: ClusterSpec) -> dict[str, int | None]:
        """The ports of the master and its page."""
        return spark_launch.wanted_ports(spec)

    def commands(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster) -> dict[str, Command]:
        """The master and the workers."""
        return spark_launch.commands(place, plan, cluster)

    def start_job(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster, job: Job) -> None:
        """Start the driver.

        :raises PlatformRefused: no worker could ever hold one of its executors.
        """
        settings = driver_settings(plan, cluster, job)
        diagnosis = never_fits(settings, Worker(plan.worker_cores, plan.worker_mib))
        if diagnosis:
            raise PlatformRefused(str(job), diagnosis)
        with while_not_ended(place, str(job)):
            place.job(job).process.start(spark_launch.driver_command(place, plan, cluster, job))

    def stop_job(self, place: ClusterPlace, plan: ClusterPlan, job: Job) -> None:  # noqa: ARG002
        """End the driver; its executors go with it."""
        end([place.job(job).process], STOP_GRACE)

    def look(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster) -> SparkView:
        """Ask the master."""
        return SparkView.take(place, plan, cluster.spec.extra_configs)

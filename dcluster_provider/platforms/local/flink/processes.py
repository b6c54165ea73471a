"""Flink session clusters and their jobs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.identity import flink_job_id
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.core.spec import ClusterSpec
from dcluster_provider.engines.application import local_path
from dcluster_provider.engines.flink import rest as flink_rest
from dcluster_provider.engines.flink.conf import never_fits
from dcluster_provider.engines.flink.jobs import run_jar_once
from dcluster_provider.engines.flink.savepoints import savepoint_folder
from dcluster_provider.engines.rest import HttpRest
from dcluster_provider.platforms.local.ending import while_not_ended
from dcluster_provider.platforms.local.files import mark
from dcluster_provider.platforms.local.flink import launch as flink_launch
from dcluster_provider.platforms.local.flink.launch import REST_PORT, RPC_PORT, cluster_settings
from dcluster_provider.platforms.local.flink.view import FlinkView, submitted_ids
from dcluster_provider.platforms.local.job_process import STOP_GRACE
from dcluster_provider.platforms.local.layout import ClusterPlace, JobPlace
from dcluster_provider.platforms.local.plan import ClusterPlan
from dcluster_provider.platforms.local.processes.process import Command
from dcluster_provider.platforms.local.processes.termination import end


class FlinkProcesses:
    """See :class:`~dcluster_provider.platforms.local.process_engine.ProcessEngine` for the methods."""

    client_title = "The client"

    def wanted_ports(self, spec: ClusterSpec) -> dict[str, int | None]:
        """The ports of the JobManager's REST interface and of its other one."""
        return flink_launch.wanted_ports(spec)

    def external_ports(self, cluster: Cluster) -> dict[str, int]:
        """The port of the JobManager's REST interface, which is all that clients use."""
        port = urlsplit(cluster.ui_url).port or 8081
        return {REST_PORT: port, RPC_PORT: port}

    def commands(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster) -> dict[str, Command]:
        """The JobManager and the TaskManagers."""
        return flink_launch.commands(place, plan, cluster)

    def start_job(
        self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster, job: Job, given: Mapping[str, str]
    ) -> None:
        """Start a PyFlink or SQL client, or hand a jar to the JobManager.

        :raises PlatformRefused: it can never run so.
        :raises PlatformUnavailable: the JobManager does not answer.
        """
        diagnosis = never_fits(cluster, job) if plan.is_ours else None
        if diagnosis:
            raise PlatformRefused(str(job), diagnosis)
        if local_path(job.spec).suffix.lower() == ".jar":
            _hand_over(place.job(job), plan, cluster, job)
            return
        with while_not_ended(place, str(job)):
            place.job(job).process.start(flink_launch.client_command(place, plan, cluster, job, given))

    def stop_job(self, place: ClusterPlace, plan: ClusterPlan, job: Job) -> None:
        """Cancel what the job has running in Flink, and end its client."""
        own, rest = place.job(job), HttpRest(plan.host, plan.ports[REST_PORT])
        for job_id in {flink_job_id(job.platform_key, job.generation), *submitted_ids(own)}:
            flink_rest.cancel(rest, job_id)
        end([own.process], STOP_GRACE)
        for job_id in submitted_ids(own):  # it may have submitted another meanwhile
            flink_rest.cancel(rest, job_id)

    def savepoint_folder(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster, job: Job) -> str:
        """Below the home, unless a setting names another."""
        return savepoint_folder(job, cluster_settings(place, plan, cluster.spec))

    def view(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster) -> FlinkView:
        """The cluster, with a JobManager that is asked only for what is asked of it."""
        return FlinkView(place, plan, cluster.spec)


def _hand_over(own: JobPlace, plan: ClusterPlan, cluster: Cluster, job: Job) -> None:
    """Run a jar under an id that is the job's alone: however often this happens, Flink runs it once."""
    rest, job_id = HttpRest(plan.host, plan.ports[REST_PORT]), flink_job_id(job.platform_key, job.generation)
    if own.process.is_stopped() or own.submitted.exists():
        return
    with flink_launch.jar_to_hand_over(own, job) as jar:
        run_jar_once(rest, cluster, job, jar, os.fstat(jar.fileno()).st_size, keep=plan.is_ours)
    mark(own.submitted)
    if own.process.is_stopped():  # the stop may have come before there was anything to cancel
        flink_rest.cancel(rest, job_id)

"""Spark standalone clusters and their jobs: how they are started and stopped, and what they are doing."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase, JobObservation, JobPhase
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.rest import HttpRest
from dcluster_provider.engines.spark.conf import Worker, never_fits
from dcluster_provider.engines.spark.executors import OUTPUTS, ended_at_start, executor_words, with_words
from dcluster_provider.engines.spark.log_patterns import SparkCode
from dcluster_provider.engines.spark.master import (
    NO_APPLICATION,
    application_end,
    application_ids,
    find_application,
    find_ended_application,
    is_busy,
    never_satisfied,
    poll_state,
    workers_alive,
)
from dcluster_provider.platforms.base import Report
from dcluster_provider.platforms.local.ending import while_not_ended
from dcluster_provider.platforms.local.failures import Terms, judge_cluster
from dcluster_provider.platforms.local.files import first_text, last_lines
from dcluster_provider.platforms.local.installation.class_archive import Training
from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.job_process import STOP_GRACE, conclude, settled
from dcluster_provider.platforms.local.layout import ClusterPlace, JobPlace
from dcluster_provider.platforms.local.plan import ClusterPlan
from dcluster_provider.platforms.local.processes.process import Command, Process
from dcluster_provider.platforms.local.processes.termination import end
from dcluster_provider.platforms.local.settings import LocalSettings
from dcluster_provider.platforms.local.spark import launch as spark_launch
from dcluster_provider.platforms.local.spark.decommission import decommission
from dcluster_provider.platforms.local.spark.launch import (
    MASTER_PORT,
    PORT_SETTINGS,
    UI_PORT,
    driver_settings,
)
from dcluster_provider.platforms.local.spark.training import training

_TERMS = Terms(
    "The Spark master",
    "The Spark worker",
    worker_name=re.compile(r"Starting Spark worker (\S+) with "),
    joined="Registering worker {name} with ",
    port_settings=PORT_SETTINGS,
)
_NAMED_EXECUTOR = re.compile(r"executor \S+/(\d+): ")
_PAGE_PORT = re.compile(r"Successfully started service 'SparkUI' on port (\d+)")
_END_BYTES = 1024 * 1024  # of a driver's log in which it tells how its application ended


class SparkProcesses:
    """See :class:`~dcluster_provider.platforms.local.process_engine.ProcessEngine` for the methods."""

    client_title = "The driver"

    def wanted_ports(self, spec: ClusterSpec) -> dict[str, int | None]:
        """The ports of the master and its page."""
        return spark_launch.wanted_ports(spec)

    def prepare(
        self, spec: ClusterSpec, engine: LocalEngine, settings: LocalSettings, report: Report
    ) -> None:
        """Nothing: drivers fetch packages by themselves."""

    def training(self, engine: LocalEngine, folder: Path) -> Training:
        """A short program of Python and SQL."""
        return training(engine, folder)

    def external_ports(self, cluster: Cluster) -> dict[str, int]:
        """The ports of the master's address and of its page."""
        master, page = urlsplit(cluster.master_url), urlsplit(cluster.ui_url)
        return {MASTER_PORT: master.port or 7077, UI_PORT: page.port or 8080}

    def commands(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster) -> dict[str, Command]:
        """The master and the workers."""
        return spark_launch.commands(place, plan, cluster)

    def retire(self, workers: Sequence[Process]) -> None:
        """Decommission the workers, and end each when its executors have handed their blocks over."""
        decommission(workers)

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
        return SparkView.take(place, plan, cluster)


@dataclass(frozen=True)
class SparkView:
    """One look at a Spark cluster.

    :param known: the cluster as it was before the look.
    :param answer: the master's own account, none when it gave none.
    """

    place: ClusterPlace
    plan: ClusterPlan
    known: Cluster
    answer: dict[str, Any] | None

    @classmethod
    def take(cls, place: ClusterPlace, plan: ClusterPlan, known: Cluster) -> SparkView:
        """Look, by one HTTP request."""
        return cls(place, plan, known, poll_state(HttpRest(plan.host, plan.ports[UI_PORT])))

    def cluster(self) -> ClusterObservation:
        """The cluster as it is."""
        alive = workers_alive(self.answer)
        is_resizing = self.known.resizing_since is not None
        failure, hint = judge_cluster(self.place, self.plan, _TERMS, is_resizing)
        phase = ClusterPhase.STARTING
        if failure:
            phase = ClusterPhase.BROKEN
        elif self.answer and self.answer.get("status") == "ALIVE" and self._has_its_size(alive):
            phase = ClusterPhase.READY
        return ClusterObservation(
            phase,
            master_url=f"spark://{self.plan.address(MASTER_PORT)}",
            ui_url=f"http://{self.plan.address(UI_PORT)}",
            workers_ready=alive,
            diagnosis=failure,
            hint=hint,
        )

    def _has_its_size(self, alive: int) -> bool:
        return alive == self.known.spec.workers and self.place.are_over(self.plan.retired_roles)

    def busy(self) -> bool | None:
        """Whether the master has an application at work; none when it does not answer."""
        return None if self.answer is None else is_busy(self.answer)

    def job(self, job: Job) -> JobObservation:
        """A job as it is; one that can never succeed is ended."""
        own = self.place.job(job)
        over = settled(own, "The driver")
        if over is not None:
            return self._with_executors(own, over)
        seen = self._running_job(job, own)
        return conclude(own, self._with_executors(own, seen)) if seen.diagnosis else seen

    def _running_job(self, job: Job, own: JobPlace) -> JobObservation:
        facts = first_text(own.facts)
        page = _PAGE_PORT.search(facts)
        ui_url = f"http://127.0.0.1:{page[1]}" if page else ""
        ids = application_ids(facts)
        application = find_application(self.answer, job, ids[-1] if ids else None)
        if application is None:
            ended = find_ended_application(self.answer, job, ids)
            if ended is not None:
                dump_command = f"pkill -QUIT -f {own.conf / 'java.options'}"
                end = application_end(ended, last_lines(own.log, _END_BYTES), dump_command)
                return JobObservation(JobPhase.RUNNING, ui_url, application_end=end)
            started_at = own.process.state().started_at
            idle = started_at is not None and time.time() - started_at > NO_APPLICATION.total_seconds()
            return JobObservation(JobPhase.RUNNING if idle else JobPhase.PENDING, ui_url)
        diagnosis = never_satisfied(application, Worker(self.plan.worker_cores, self.plan.worker_mib))
        if diagnosis is None:
            diagnosis = ended_at_start(facts, self.known.spec.extra_configs | job.spec.extra_cmd)
        if diagnosis:
            return JobObservation(JobPhase.FAILED, ui_url, diagnosis=diagnosis)
        return JobObservation(JobPhase.RUNNING if application["cores"] > 0 else JobPhase.PENDING, ui_url)

    def _with_executors(self, own: JobPlace, seen: JobObservation) -> JobObservation:
        """A failure whose cause only the executors know, told by one that it names, or else by the last of them."""
        ids = application_ids(first_text(own.facts))
        if seen.diagnosis is None or seen.diagnosis.code != SparkCode.EXECUTORS_FAILED or not ids:
            return seen
        named = _NAMED_EXECUTOR.match("".join(seen.diagnosis.evidence[:1]))
        logs = self.place.work.glob(f"worker-*/work/{ids[0]}/{named[1] if named else '*'}/stderr")
        last = max(logs, key=lambda log: log.stat().st_mtime, default=None)
        if last is None:
            return seen
        words = [line for name in OUTPUTS for line in executor_words(last_lines(last.with_name(name)))]
        return replace(seen, diagnosis=with_words(seen.diagnosis, words)) if words else seen

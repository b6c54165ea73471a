"""Flink session clusters and their jobs: how they are started and stopped, and what they are doing."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.identity import flink_job_id
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase, JobObservation, JobPhase
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.flink import rest as flink_rest
from dcluster_provider.engines.flink.conf import never_fits, slots
from dcluster_provider.engines.flink.jobs import FlinkJobs, run_jar_once
from dcluster_provider.engines.flink.log_patterns import FlinkCode
from dcluster_provider.engines.flink.rest import (
    FINAL_PHASES,
    LEFT_ALONE,
    after_client,
    while_client_runs,
)
from dcluster_provider.engines.flink.savepoints import savepoint_folder
from dcluster_provider.engines.rest import ErrorResponse, HttpRest, NoAnswer
from dcluster_provider.platforms.base import Report
from dcluster_provider.platforms.local.ending import while_not_ended
from dcluster_provider.platforms.local.failures import Terms, cluster_failure, judge_cluster
from dcluster_provider.platforms.local.files import first_text, mark
from dcluster_provider.platforms.local.flink import launch as flink_launch
from dcluster_provider.platforms.local.flink.launch import (
    PORT_SETTINGS,
    REST_PORT,
    RPC_PORT,
    cluster_settings,
)
from dcluster_provider.platforms.local.flink.plugins import ensure_file_system
from dcluster_provider.platforms.local.flink.training import training
from dcluster_provider.platforms.local.installation.class_archive import Training
from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.job_process import (
    STOP_GRACE,
    conclude,
    read_outcome,
    settled,
    write_outcome,
)
from dcluster_provider.platforms.local.layout import ClusterPlace, JobPlace
from dcluster_provider.platforms.local.plan import ClusterPlan
from dcluster_provider.platforms.local.processes.process import Command, Life, Process
from dcluster_provider.platforms.local.processes.termination import end
from dcluster_provider.platforms.local.settings import LocalSettings

_TERMS = Terms(
    "The JobManager",
    "The TaskManager",
    worker_name=None,
    joined="Registering TaskManager with ResourceID {name} (",
    port_settings=PORT_SETTINGS,
)
_SUBMITTED = re.compile(r"Submitting job '.*' \(([0-9a-f]{32})\)")
_CLIENT = "The client"
_RETIRED_GRACE = 5.0  # seconds in which a TaskManager takes leave of its JobManager


class FlinkProcesses:
    """See :class:`~dcluster_provider.platforms.local.process_engine.ProcessEngine` for the methods."""

    client_title = "The client"

    def wanted_ports(self, spec: ClusterSpec) -> dict[str, int | None]:
        """The ports of the JobManager's REST interface and of its other one."""
        return flink_launch.wanted_ports(spec)

    def prepare(
        self, spec: ClusterSpec, engine: LocalEngine, settings: LocalSettings, report: Report
    ) -> None:
        """Fetch the file system for S3 of a cluster that wants one."""
        ensure_file_system(spec, engine, settings, report)

    def training(self, engine: LocalEngine, folder: Path) -> Training:
        """A short program of Python and SQL."""
        return training(engine, folder)

    def external_ports(self, cluster: Cluster) -> dict[str, int]:
        """The port of the JobManager's REST interface, which is all that clients use."""
        port = urlsplit(cluster.ui_url).port or 8081
        return {REST_PORT: port, RPC_PORT: port}

    def commands(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster) -> dict[str, Command]:
        """The JobManager and the TaskManagers."""
        return flink_launch.commands(place, plan, cluster)

    def retire(self, workers: Sequence[Process]) -> None:
        """End the TaskManagers, all at once: one failure to their jobs, which go on from their newest checkpoints."""
        end(workers, _RETIRED_GRACE)

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
        if job.spec.application_kind == "jar":
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
        return FlinkView(place, plan, cluster)


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


class FlinkView:
    """One look at a Flink cluster; each of its two accounts is asked for at most once."""

    def __init__(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster) -> None:
        self._place, self._plan, self._spec = place, plan, cluster.spec
        self._is_resizing = cluster.resizing_since is not None
        self._rest = HttpRest(plan.host, plan.ports[REST_PORT])

    def cluster(self) -> ClusterObservation:
        """The cluster as it is."""
        try:
            answer = flink_rest.overview(self._rest)
        except (NoAnswer, ErrorResponse):
            answer = {}
        failure, hint = judge_cluster(self._place, self._plan, _TERMS, self._is_resizing)
        phase = ClusterPhase.STARTING
        if failure:
            phase = ClusterPhase.BROKEN
        elif answer.get("slots-total", 0) == slots(self._spec) and self._has_its_size():
            phase = ClusterPhase.READY
        return ClusterObservation(
            phase,
            master_url=self._url,
            ui_url=self._url,
            workers_ready=answer.get("taskmanagers", 0),
            diagnosis=failure,
            hint=hint,
        )

    def busy(self) -> bool | None:
        """Whether the JobManager has a job that has not ended; none when it does not answer."""
        try:
            return flink_rest.is_busy(self._rest)
        except (NoAnswer, ErrorResponse):
            return None

    def job(self, job: Job) -> JobObservation | None:
        """A job as it is; none when the JobManager gives no account just now."""
        own = self._place.job(job)
        verdict = read_outcome(own)
        # Somebody who did not know of the wish for a savepoint may have seen the job end by it.
        is_settled = not job.savepoint_requested or (verdict and verdict.phase is not JobPhase.SUCCEEDED)
        if verdict is not None and (is_settled or verdict.savepoint or self._jobs is None):
            return verdict
        seen = verdict or (self._client_job(own) if own.has_process else self._submitted_job(own, job))
        if seen is not None and job.savepoint_requested and self._jobs is not None:
            seen = self._stopped_with_savepoint(own, job, seen)
        if seen is not None and seen.phase in FINAL_PHASES and seen.phase is not JobPhase.LOST:
            self._keep(own, flink_job_id(job.platform_key, job.generation), seen)
        return seen

    @property
    def _url(self) -> str:
        return f"http://{self._plan.address(REST_PORT)}"

    @cached_property
    def _jobs(self) -> FlinkJobs | None:
        return FlinkJobs.poll(self._rest, self._url)

    @cached_property
    def _master_failure(self) -> Diagnosis | None:
        if not self._place.process("master").state().is_over:
            return None
        return cluster_failure(self._place, self._plan, _TERMS)

    def _submitted_job(self, own: JobPlace, job: Job) -> JobObservation | None:
        """A jar that was handed to the JobManager."""
        job_id = flink_job_id(job.platform_key, job.generation)
        submitted = own.submitted.exists()
        if self._jobs is None:
            return self._lost() if submitted and self._master_failure else None
        if job_id in self._jobs:
            return self._jobs.observe(job_id)
        if own.process.is_stopped():
            return JobObservation(JobPhase.KILLED)
        return JobObservation(JobPhase.LOST if submitted else JobPhase.ABSENT)

    def _client_job(self, own: JobPlace) -> JobObservation | None:
        """A PyFlink program or SQL file, which may submit several jobs, waited for by its client or not."""
        ids = submitted_ids(own)
        seen = settled(own, _CLIENT)
        if self._jobs is None:
            if self._master_failure and (seen is None or (ids and seen.phase is not JobPhase.ABSENT)):
                return conclude(own, self._lost()) if seen is None else self._lost()
            return seen if seen is None or seen.phase is not JobPhase.SUCCEEDED else None
        jobs = [self._jobs.observe(job_id) for job_id in ids if job_id in self._jobs]
        if seen is None:
            return while_client_runs(jobs)
        if seen.phase is JobPhase.SUCCEEDED:
            lost = JobObservation(JobPhase.LOST, exit_code=seen.exit_code)
            return lost if ids and not jobs and _went_on_without(own) else after_client(jobs) or seen
        self._jobs.cancel_live(ids)  # again at the next poll, if it has not come through
        return self._jobs.after_failed_client(seen, jobs)

    def _stopped_with_savepoint(self, own: JobPlace, job: Job, seen: JobObservation) -> JobObservation | None:
        """A job that is to be stopped with a savepoint; that is asked for unless Flink is at it already."""
        assert self._jobs is not None
        ids = submitted_ids(own) if own.has_process else [flink_job_id(job.platform_key, job.generation)]
        folder = savepoint_folder(job, cluster_settings(self._place, self._plan, self._spec))
        stopped = self._jobs.stop_with_savepoint(job, ids, folder, seen)
        return conclude(own, stopped) if stopped is not None and stopped.savepoint else stopped

    def _lost(self) -> JobObservation:
        cause = self._master_failure
        assert cause is not None
        lost = Diagnosis(
            FlinkCode.JOB_MANAGER_ENDED,
            f"The JobManager ended while it had the job, so whether the job finished cannot be told: {cause.cause}",
            "Check the job's output; if it has to run again, clear the task.",
            cause.evidence,
        )
        return JobObservation(JobPhase.LOST, diagnosis=lost)

    def _keep(self, own: JobPlace, job_id: str, seen: JobObservation) -> None:
        """Keep an outcome: the JobManager and its memory of it go with the cluster."""
        own.folder.mkdir(parents=True, exist_ok=True)
        if not own.has_process and seen.phase is JobPhase.FAILED:
            own.log.write_text(flink_rest.root_exception(self._rest, job_id), encoding="utf-8")
        write_outcome(own, seen)

    def _has_its_size(self) -> bool:
        """The JobManager needs seconds to notice a lost TaskManager."""
        roles = self._plan.worker_roles
        live = sum(self._place.process(role).state().life is Life.RUNNING for role in roles)
        return live == self._spec.workers and self._place.are_over(self._plan.retired_roles)


def submitted_ids(own: JobPlace) -> list[str]:
    """The Flink jobs that the job's client submitted, or was about to."""
    return _SUBMITTED.findall(first_text(own.facts))


def _went_on_without(own: JobPlace) -> bool:
    """Whether a job had Flink jobs at work after its client's end; one that waits for them ends with the last."""
    ended = own.process.ended_at()
    return ended is not None and time.time() - ended > LEFT_ALONE.total_seconds()

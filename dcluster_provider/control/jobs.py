"""The use cases of jobs: submit, wait, read logs and stop."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.job_clusters import JobClusters, JobRequest
from dcluster_provider.control.job_logs import read_at_once, why_empty
from dcluster_provider.control.job_progress import JobProgress
from dcluster_provider.control.observation_errors import (
    Unobservable,
    raise_if_given_up,
    remote_error,
    require_same_location,
)
from dcluster_provider.control.records import job_info, utc_now
from dcluster_provider.control.savepoints import check_savepoint, stop_with_savepoint
from dcluster_provider.control.settings import Settings
from dcluster_provider.control.waiting import Wait
from dcluster_provider.core.diagnosis import Diagnosis, JobCode
from dcluster_provider.core.errors import (
    DuplicateJob,
    InvalidSpec,
    JobFailed,
    PlatformRefused,
    PlatformUnavailable,
    WaitTimeout,
)
from dcluster_provider.core.fields import LONGEST_TIME
from dcluster_provider.core.identity import Owner, fresh_key
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import LIVE_JOB_STATES, Cluster, Job, JobState, parse_states
from dcluster_provider.core.redaction import REDACTED
from dcluster_provider.core.spec import parse, reject_redacted
from dcluster_provider.core.state import fail_job, stop_job
from dcluster_provider.platforms.base import LogPart, Platform, Report, logged, silent
from dcluster_provider.platforms.capabilities import SupportsStaging, connect

if TYPE_CHECKING:
    from dcluster_provider.registry.store import ClientSetting, Registry

_TERMINATION_SECONDS = 600.0  # a stop takes no longer, unless the job's node does not answer
_STOPPING_SECONDS = 120.0  # for which a job waits until a stopping one of its client and module has ended
_FINAL = tuple(state for state in JobState if state.is_final)
# What a repeated request returns; after FAILED or KILLED it runs the job again.
_ANSWERS = (*LIVE_JOB_STATES, JobState.SUCCEEDED, JobState.UNKNOWN)


class Jobs:
    """Submits, polls, waits for and stops the jobs of one connection."""

    def __init__(
        self, registry: Registry, platform: Platform, settings: Settings, clusters: Clusters
    ) -> None:
        self._registry = registry
        self._platform = platform
        self._settings = settings
        self._clusters = clusters
        self._progress = JobProgress(registry, platform, clusters)
        self._job_clusters = JobClusters(registry, clusters, settings)

    def submit(
        self,
        spec: JobSpec | dict[str, Any] | str,
        key: str | None = None,
        *,
        owner: Owner | None = None,
        actor: str = "",
        report: Report = logged,
    ) -> Job:
        """Request a job, and return without waiting for it.

        The job starts as soon as its cluster runs, in whichever process polls it then. The same key returns the same
        job while that is live, after it has SUCCEEDED, and when it is UNKNOWN; after it has FAILED or was KILLED, a new
        run.

        :param spec: a JobSpec, a mapping with its fields, or JSON text of JobsTableEntity.
        :param key: identifies the request; None means the owner's key, or a new one.
        :param owner: the Airflow task that requests it; live jobs of its older epochs are stopped first.
        :param actor: who requests it, for the job's events.
        :param report: called with progress messages of long steps; logs them by default.
        :raises InvalidSpec: the specification is invalid; nothing was stored or started.
        :raises NotFound: the cluster that it names does not exist.
        :raises DuplicateJob: a job of the same client and module is live that neither belongs to another run of the
            owner's task nor is allowed by the specification.
        :raises PlatformRefused: the platform cannot be used, or the cluster is at another location; nothing was stored.
        :raises ClusterFailed: its cluster is terminating or has ended, or the platform rejects it.
        :raises WaitTimeout: a job of the task from before it was cleared is still stopping after ten minutes.
        """
        spec = parse(JobSpec, spec)
        connect(self._platform)
        key = key or (owner.key if owner else fresh_key())
        if owner is not None:
            self._stop_older_epochs(owner)
        known = self._registry.jobs.latest_of_key(key)
        if known is not None and known.state in _ANSWERS:
            return self.resume(known.id, report)
        cluster, job = self._take(JobRequest(spec, key, owner, actor, report))
        self._stage(job, cluster if job.cluster_id == cluster.id else self._clusters.get(job.cluster_id))
        return self._progress.observe([job.id])[job.id]

    def request(
        self, spec: JobSpec | dict[str, Any] | str, key: str | None = None, *, actor: str = ""
    ) -> Job:
        """Store the request for a job, owned by no task, and start nothing: ``submit`` starts it.

        :param spec: a JobSpec, a mapping with its fields, or JSON text of JobsTableEntity.
        :param key: identifies the request, also for ``submit``; None means a new key.
        :param actor: who requests it, for the job's events.
        :returns: the job that ``submit`` would return for this key.
        :raises InvalidSpec: the specification is invalid; nothing was stored.
        :raises NotFound: the cluster that it names does not exist.
        :raises DuplicateJob: a job of the same client and module is live that neither belongs to another run of the
            owner's task nor is allowed by the specification.
        :raises ClusterFailed: its cluster is terminating or has ended.
        :raises PlatformRefused: a package or connection to reach the platform is missing; nothing was stored.
        """
        spec = parse(JobSpec, spec)
        self._clusters.require_client()
        return self._take(JobRequest(spec, key or fresh_key(), None, actor, silent, only_stored=True))[1]

    def resume(self, job_id: int, report: Report = logged) -> Job:
        """Continue a submission that may have been interrupted; a job past it is only polled.

        :param report: called with progress messages of long steps; logs them by default.
        :raises NotFound: no job has this id.
        :raises ClusterFailed: the platform rejects its cluster.
        :raises PlatformRefused: its cluster is at another location; the submission stays as it was.
        """
        job = self.get(job_id)
        if not job.state.is_final:
            self._stage(job, self._clusters.resume(job.cluster_id, report))
        return self._progress.observe([job.id])[job.id]

    def get(self, job_id: int) -> Job:
        """A job in its last recorded state.

        :raises NotFound: no job has this id.
        """
        return self._registry.jobs.get(job_id)

    def info(self, job_id: int) -> dict[str, Any]:
        """A job in its last recorded state as a JSON object: JobsTableEntity's fields, state, times, cluster and links.

        :raises NotFound: no job has this id.
        """
        return self.infos([self.get(job_id)])[0]

    def infos(self, jobs: Sequence[Job]) -> tuple[dict[str, Any], ...]:
        """Jobs as JSON objects, as :meth:`info` returns them, with one query for all of their clusters."""
        ids = {job.cluster_id for job in jobs}
        clusters = {cluster.id: cluster for cluster in self._registry.clusters.get_many(ids)}
        return tuple(job_info(job, clusters[job.cluster_id], self._settings) for job in jobs)

    def of_key(self, key: str) -> Job | None:
        """The latest job of a request key; None before the first request."""
        return self._registry.jobs.latest_of_key(key)

    def list(
        self,
        status: str | Collection[str] | None = None,
        *,
        client: str | None = None,
        module: str | None = None,
        limit: int = 1000,
    ) -> list[Job]:
        """Jobs in their last recorded states, newest first.

        :param status: one state or several, in any letter case; None means every state.
        :param client: only jobs of this client.
        :param module: only jobs of this module.
        :raises InvalidSpec: a state does not exist; the error names the nearest.
        """
        states = parse_states(JobState, status)
        return self._registry.jobs.list(states=states, client=client, module=module, limit=limit)

    def of_run(self, dag_id: str, run_id: str) -> builtins.list[Job]:
        """The jobs that the tasks of a DAG run requested, newest first."""
        found = self._registry.jobs.iterate(owner_run=(dag_id, run_id))
        return [job for job in found if job.deployment == self._settings.deployment]

    def observe(self, ids: Iterable[int]) -> dict[int, Job]:
        """Poll jobs and their clusters, each in one batch, and return the jobs by id, in their current states.

        Steps that are due are taken: a job whose cluster runs is started, and a job's own cluster terminates with it.
        """
        return self._progress.observe(ids)

    def unobservable(self, job: Job) -> Unobservable | None:
        """Why the last poll could not observe a job, or the cluster that it waits for; None when it could."""
        return self._progress.unobservable(job)

    def wait(
        self,
        job_id: int,
        states: Collection[JobState] = (JobState.SUCCEEDED,),
        timeout: float | None = None,
        *,
        poll_interval: float = 1.0,
        on_poll: Callable[[Job], None] | None = None,
        just_polled: bool = False,
    ) -> Job:
        """Poll a job until it is in one of the states, and return it.

        :param timeout: seconds; None means no limit.
        :param poll_interval: seconds between two polls.
        :param on_poll: called with the job after every poll; None logs its changes of state.
        :param just_polled: start with the recorded state instead of a poll, because another process has just polled.
        :raises JobFailed: it ended in a state that is not one of them.
        :raises WaitTimeout: the timeout passed; the job is left as it is.
        :raises DClusterError: polls failed for a minute, or the platform rejected them for five.
        """
        first = self.get(job_id) if just_polled else None
        wait = Wait(self._platform, lambda: self._poll(job_id), timeout, poll_interval)
        return wait.until(states, first=first, on_poll=on_poll, check=raise_if_job_ended)

    def terminate(self, job_id: int, *, savepoint: bool = False, actor: str = "") -> Job:
        """Stop a job; one that has ended stays as it is.

        :param savepoint: stop a Flink job with a savepoint, whose folder is ``Job.savepoint`` once the job has
            SUCCEEDED; when the savepoint fails, the job keeps running.
        :param actor: who stops it, for the job's events.
        :returns: the job: in its final state, or STOPPING until its platform has stopped it.
        :raises NotFound: no job has this id.
        :raises InvalidSpec: the job's engine has no savepoints, or no setting names their folder; nothing was stopped.
        :raises SavepointFailed: the savepoint cannot be made; the job keeps running.
        """
        job = self.get(job_id)
        if savepoint:
            return stop_with_savepoint(self._registry, self._platform, self._progress, job, actor)
        if not job.state.is_final:
            job = self._progress.change(job, stop_job, actor)
        if self._is_only_requested(job):
            self._clusters.terminate(job.cluster_id, actor=actor)
            return self.get(job_id)
        if not job.state.is_final:
            cluster = self._registry.clusters.get(job.cluster_id)
            if remote_error(self._platform, cluster) is None:
                self._platform.stop_job(job, cluster)
        return self._progress.observe([job.id])[job.id]

    def _is_only_requested(self, job: Job) -> bool:
        """Whether nothing was made yet for a job and its own cluster, whose termination ends the job."""
        if job.state.is_final or not job.owns_cluster or job.spec.keep_alive:
            return False
        return not self._registry.events.was_provisioned(job.cluster_id)

    def check_savepoint(self, job_id: int) -> None:
        """Check that a savepoint of a job can be requested; nothing is stopped.

        :raises NotFound: no job has this id.
        :raises InvalidSpec: the job's engine has no savepoints, or no setting names their folder.
        :raises SavepointFailed: the job is not RUNNING.
        """
        job = self._progress.observe([self.get(job_id).id])[job_id]
        check_savepoint(self._registry, self._platform, job)

    def find_duplicate(self, client: str, module: str) -> Job | None:
        """The newest live job of a client and module, which makes another one a duplicate; None without one."""
        return self._registry.jobs.find_duplicate(client, module)

    def stop_client(self, client: str, module: str, *, actor: str = "") -> tuple[Job, ...]:
        """Stop every live job of a client and module.

        :returns: the jobs that were live, in their present states.
        """
        live = self._registry.jobs.iterate(states=LIVE_JOB_STATES, client=client, module=module)
        return tuple(self.terminate(job.id, actor=actor) for job in live)

    def read_log(self, job_id: int, start: int = 0) -> LogPart:
        """A part of the job's log from a byte offset, without the secrets of its settings; its end is the next offset.

        :raises NotFound: no job has this id.
        :raises PlatformUnavailable: the log cannot be read now.
        """
        job = self.get(job_id)
        part = self._platform.read_log(job, self._registry.clusters.get(job.cluster_id), start)
        return _without_secrets(job, part)

    def read_logs(self, requests: Sequence[tuple[Job, int]], max_bytes: int = 65536) -> tuple[LogPart, ...]:
        """A part of each job's log from a byte offset, with one query for all of their clusters.

        A log that cannot be read now (its node does not answer) does not hold up the others: its part is empty, and
        cut.

        :param requests: jobs, each with the byte offset to read from.
        :param max_bytes: of each part, about.
        """
        ids = {job.cluster_id for job, _ in requests}
        clusters = {cluster.id: cluster for cluster in self._registry.clusters.get_many(ids)}
        logs = [(job, clusters[job.cluster_id], at) for job, at in requests]
        parts = read_at_once(self._platform, logs, max_bytes)
        return tuple(_without_secrets(job, part) for (job, _), part in zip(requests, parts, strict=True))

    def logs(self, job_id: int) -> str:
        """The whole log of a job as it is now.

        :raises NotFound: no job has this id.
        """
        texts, part = [], self.read_log(job_id)
        while part.text:
            texts.append(part.text)
            part = self.read_log(job_id, part.end)
        return "".join(texts)

    def why_log_is_empty(self, job_id: int) -> str:
        """Explain why the log of a job is empty, and where else its output may be.

        :raises NotFound: no job has this id.
        """
        job = self.get(job_id)
        cluster = self._registry.clusters.get(job.cluster_id)
        return why_empty(job, cluster, self._settings.grafana.of_job(job, cluster))

    def is_monitored(self, client: str) -> bool:
        """Whether long-running jobs of the client raise an alert."""
        return self._registry.client_settings.is_monitored(client)

    def monitoring(self, client: str) -> ClientSetting:
        """Whether long-running jobs of the client raise an alert, and after how many seconds."""
        return self._registry.client_settings.get(client)

    def set_monitoring(self, client: str, enabled: bool, alert_after: int | None = None) -> None:
        """Enable or disable the alert about long-running jobs of the client.

        :param alert_after: seconds after which a job is long-running; None means the connection's default.
        :raises InvalidSpec: the client is empty, or the seconds are out of range.
        """
        if not client.strip():
            raise InvalidSpec("field client: is empty")
        if alert_after is not None and not 1 <= alert_after <= LONGEST_TIME:
            raise InvalidSpec(
                f"field alertAfter: {alert_after!r} is not a number of seconds from 1 to {LONGEST_TIME}"
            )
        self._registry.client_settings.save(client, monitored=enabled, alert_after=alert_after)

    def _poll(self, job_id: int) -> Job:
        job = self._progress.observe([job_id])[job_id]
        raise_if_given_up(self.unobservable(job))
        return job

    def _take(self, request: JobRequest) -> tuple[Cluster, Job]:
        request = replace(request, spec=self._checked(request.spec))
        self._wait_for_duplicates(request)
        return self._job_clusters.take(request, lambda it, owned: self._claim(request, it, owned))

    def _wait_for_duplicates(self, request: JobRequest) -> None:
        """Poll the job that may be a duplicate, since its end may be unobserved, and wait for one that is stopping."""
        duplicates = self._registry.jobs.duplicates(request.spec, request.owner)
        if not duplicates:
            return
        with suppress(PlatformUnavailable, WaitTimeout):  # a job whose end is not observed is a duplicate
            seen = self._progress.observe([job.id for job in duplicates])
            for job in seen.values():
                if job.state is JobState.STOPPING and not request.only_stored:
                    request.report(f"Waiting for {job}, which is being stopped")
                    self.wait(job.id, _FINAL, _STOPPING_SECONDS)

    def _claim(self, request: JobRequest, cluster: Cluster, owned: bool) -> Job:
        try:
            return self._registry.jobs.claim(
                key=request.key,
                spec=request.spec,
                deployment=self._settings.deployment,
                conn_id=self._settings.conn_id,
                owner=request.owner,
                cluster_id=cluster.id,
                owns_cluster=owned,
                now=utc_now(),
                actor=request.actor,
            ).record
        except DuplicateJob:
            if owned:
                self._clusters.terminate(cluster.id, actor=request.actor)
            raise

    def _checked(self, spec: JobSpec) -> JobSpec:
        spec = reject_redacted(self._settings.application.fill(spec))
        self._platform.check_job(spec)
        return spec

    def _stage(self, job: Job, cluster: Cluster) -> None:
        if job.state is not JobState.REQUESTED or cluster.state.is_final:
            return
        require_same_location(self._platform, cluster)
        try:
            if isinstance(self._platform, SupportsStaging):
                self._platform.stage_job(job, cluster)
        except PlatformRefused as refusal:
            diagnosis = refusal.diagnosis
            self._progress.change(job, lambda it, now: fail_job(it, diagnosis, now))

    def _wait_until_terminated(self, job: Job) -> None:
        try:
            self.wait(job.id, _FINAL, _TERMINATION_SECONDS)
        except WaitTimeout as late:
            raise WaitTimeout(
                f"{late}. The task's new job does not start beside it: look for its pod on a node that does not "
                "answer, delete the pod, and run the task again"
            ) from None

    def _stop_older_epochs(self, owner: Owner) -> None:
        for job in self._registry.jobs.live_of_older_epochs(owner):
            self.terminate(job.id, actor=str(owner))
            self._wait_until_terminated(job)
        self._clusters.end_older_epochs(owner)


def _without_secrets(job: Job, part: LogPart) -> LogPart:
    """A part of a job's log without the values of its secret settings and arguments."""
    text = part.text
    for secret in job.spec.secret_values:
        text = text.replace(secret, REDACTED)
    return part if text == part.text else replace(part, text=text)


def raise_if_job_ended(job: Job) -> None:
    """Stop waiting for a job that has ended.

    :raises JobFailed: with the job's diagnosis.
    """
    if job.state.is_final:
        raise JobFailed(f"{job} is {job.state.value}", job.diagnosis or _job_over(job))


def _job_over(job: Job) -> Diagnosis:
    if job.state is JobState.KILLED:
        return Diagnosis(
            JobCode.KILLED,
            "The job was stopped.",
            f"See who stopped it: airflow dcluster jobs show {job.id}.",
        )
    return Diagnosis(JobCode.ENDED, f"The job ended as {job.state.value}.", "Read the job's log.")

"""Submitting, watching and stopping jobs."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.empty_log import why_empty
from dcluster_provider.control.info import job_info
from dcluster_provider.control.job_clusters import JobClusters, JobRequest
from dcluster_provider.control.job_progress import JobProgress
from dcluster_provider.control.log_reading import read_at_once
from dcluster_provider.control.observation_errors import Unobservable, raise_if_given_up
from dcluster_provider.control.places import remote_error, require_same_location
from dcluster_provider.control.savepoints import check_savepoint, stop_with_savepoint
from dcluster_provider.control.saving import utc_now
from dcluster_provider.control.settings import Settings
from dcluster_provider.control.waiting import Wait
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.diagnosis_codes import JobCode
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
from dcluster_provider.core.record import LIVE_JOB_STATES, Cluster, Job, JobState, parse_states
from dcluster_provider.core.redaction import REDACTED
from dcluster_provider.core.spec import JobSpec, parse, reject_redacted
from dcluster_provider.core.state import fail_job, stop_job
from dcluster_provider.platforms.base import LogPart, Platform, Report, logged, silent
from dcluster_provider.platforms.capabilities import SupportsStaging, connect

if TYPE_CHECKING:
    from dcluster_provider.registry.store import ClientSetting, Registry

_ENDING_SECONDS = 600.0  # in which a job that is stopped has ended, unless its node does not answer
_STOPPING_SECONDS = (
    120.0  # that a job which is being stopped is waited for by another of its client and module
)
_FINAL = tuple(state for state in JobState if state.is_final)
# What a repeated request finds and takes as its answer; after FAILED or KILLED it runs the job again.
_ANSWERS = (*LIVE_JOB_STATES, JobState.SUCCEEDED, JobState.UNKNOWN)


class Jobs:
    """The jobs of one connection."""

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
        """Ask for a job to be run, and return without waiting for it.

        The job starts as soon as its cluster runs, in whichever process observes it then. The same key gives the same
        job while that is live, after it has succeeded, and after its cluster has lost it; after it has failed or was
        killed, a new run of it.

        :param spec: a JobSpec, a mapping with its fields, or JSON text of JobsTableEntity.
        :param key: what makes the request the same request; none means the owner's, or a fresh one.
        :param owner: the Airflow task that asks; jobs that older epochs of it still have are stopped first.
        :param actor: who asks, for the job's events.
        :param report: told of progress that may take long; the log unless given.
        :raises InvalidSpec: the specification cannot be accepted; nothing was stored or started.
        :raises NotFound: the cluster that it names does not exist.
        :raises DuplicateJob: a job of the same client and module is live that is neither of another run of the owner's
            task nor allowed by the specification.
        :raises PlatformRefused: the platform cannot be used at all, or its cluster was made elsewhere; nothing was
            stored.
        :raises ClusterFailed: its cluster has ended, is being ended, or is refused by the platform.
        :raises WaitTimeout: what the task had before it was cleared is being stopped, and not gone after minutes.
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
        """Store that a job is asked for, by no task, and do nothing for it yet: ``submit`` goes on with it.

        :param spec: a JobSpec, a mapping with its fields, or JSON text of JobsTableEntity.
        :param key: what makes the request the same request, and what ``submit`` finds the job by; none means a fresh
            one.
        :param actor: who asks, for the job's events.
        :returns: the job that ``submit`` would give for this key.
        :raises InvalidSpec: the specification cannot be accepted; nothing was stored.
        :raises NotFound: the cluster that it names does not exist.
        :raises DuplicateJob: a job of the same client and module is live that is neither of another run of the owner's
            task nor allowed by the specification.
        :raises ClusterFailed: its cluster has ended, or is being ended.
        :raises PlatformRefused: what is needed to ask the platform is not installed; nothing was stored.
        """
        spec = parse(JobSpec, spec)
        self._clusters.require_client()
        return self._take(JobRequest(spec, key or fresh_key(), None, actor, silent, only_stored=True))[1]

    def resume(self, job_id: int, report: Report = logged) -> Job:
        """Go on with a submission that may have been cut short; a job that is past it is only looked at.

        :param report: told of progress that may take long; the log unless given.
        :raises NotFound: there is no such job.
        :raises ClusterFailed: its cluster is refused by the platform.
        :raises PlatformRefused: its cluster was made elsewhere; the submission stays as it was.
        """
        job = self.get(job_id)
        if not job.state.is_final:
            self._stage(job, self._clusters.resume(job.cluster_id, report))
        return self._progress.observe([job.id])[job.id]

    def get(self, job_id: int) -> Job:
        """A job as it was last seen.

        :raises NotFound: there is none with this id.
        """
        return self._registry.jobs.get(job_id)

    def info(self, job_id: int) -> dict[str, Any]:
        """A job as it was last seen, as a JSON object: JobsTableEntity's fields, state, times, cluster and links.

        :raises NotFound: there is none with this id.
        """
        return self.infos([self.get(job_id)])[0]

    def infos(self, jobs: Sequence[Job]) -> tuple[dict[str, Any], ...]:
        """The same of jobs at hand, with one question to the registry for all of them."""
        ids = {job.cluster_id for job in jobs}
        clusters = {cluster.id: cluster for cluster in self._registry.clusters.get_many(ids)}
        return tuple(job_info(job, clusters[job.cluster_id], self._settings) for job in jobs)

    def of_key(self, key: str) -> Job | None:
        """The latest job that a request key has led to, if any."""
        return self._registry.jobs.latest_of_key(key)

    def list(
        self,
        status: str | Collection[str] | None = None,
        *,
        client: str | None = None,
        module: str | None = None,
        limit: int = 1000,
    ) -> list[Job]:
        """Jobs as they were last seen, newest first.

        :param status: one state or several, in any letter case.
        :raises InvalidSpec: there is no such state.
        """
        states = parse_states(JobState, status)
        return self._registry.jobs.list(states=states, client=client, module=module, limit=limit)

    def of_run(self, dag_id: str, run_id: str) -> builtins.list[Job]:
        """The jobs that a DAG run's tasks have asked for, newest first."""
        found = self._registry.jobs.iterate(owner_run=(dag_id, run_id))
        return [job for job in found if job.deployment == self._settings.deployment]

    def observe(self, ids: Iterable[int]) -> dict[int, Job]:
        """Look at jobs and their clusters, all in one batch, and return the jobs in their states of this moment by id.

        What is due is done on the way: a job whose cluster runs by now is started, a job's own cluster is ended with
        it.
        """
        return self._progress.observe(ids)

    def unobservable(self, job: Job) -> Unobservable | None:
        """Why the last look did not see a job, or the cluster that it waits for; none when it did."""
        return self._progress.unobservable(job)

    def wait(
        self,
        job_id: int,
        states: Collection[JobState] = (JobState.SUCCEEDED,),
        timeout: float | None = None,
        *,
        poll_interval: float = 1.0,
        on_look: Callable[[Job], None] | None = None,
        just_seen: bool = False,
    ) -> Job:
        """Watch a job until it is in one of the states, and return it.

        :param timeout: seconds; none means for ever.
        :param poll_interval: seconds between two looks.
        :param on_look: called with the job at every look; without it, its changes of state go to the log.
        :param just_seen: somebody looked a moment ago: begin with the state that was stored then, without a look.
        :raises JobFailed: it ended in a state that is not one of them.
        :raises WaitTimeout: time is up; the job is left as it is.
        :raises DClusterError: looks have failed for a minute, or the platform has refused for five to tell of it.
        """
        first = self.get(job_id) if just_seen else None
        wait = Wait(self._platform, lambda: self._poll(job_id), timeout, poll_interval)
        return wait.until(states, first=first, on_look=on_look, check=raise_if_job_ended)

    def terminate(self, job_id: int, *, savepoint: bool = False, actor: str = "") -> Job:
        """Stop a job; one that has ended stays as it is.

        :param savepoint: stop a Flink job with a savepoint, whose folder is ``Job.savepoint`` once the job has
            SUCCEEDED; when none can be made, the job goes on.
        :returns: the job: in its final state, or STOPPING while its platform still stops it.
        :raises NotFound: there is no such job.
        :raises InvalidSpec: a savepoint of a Spark job, or no setting says where savepoints go; nothing was stopped.
        :raises SavepointFailed: the savepoint cannot be made; the job goes on.
        """
        job = self.get(job_id)
        if savepoint:
            return stop_with_savepoint(self._registry, self._platform, self._progress, job, actor)
        if not job.state.is_final:
            job = self._progress.change(job, stop_job, actor)
        if self._is_only_asked_for(job):
            self._clusters.terminate(job.cluster_id, actor=actor)
            return self.get(job_id)
        if not job.state.is_final:
            cluster = self._registry.clusters.get(job.cluster_id)
            if remote_error(self._platform, cluster) is None:
                self._platform.stop_job(job, cluster)
        return self._progress.observe([job.id])[job.id]

    def _is_only_asked_for(self, job: Job) -> bool:
        """Whether nothing was made for a job yet, nor for its own cluster, with which it is over."""
        if job.state.is_final or not job.owns_cluster or job.spec.keep_alive:
            return False
        return not self._registry.events.was_provisioned(job.cluster_id)

    def check_savepoint(self, job_id: int) -> None:
        """Refuse the wish for a savepoint of a job that cannot be made; nothing is stopped.

        :raises NotFound: there is no such job.
        :raises InvalidSpec: it is a Spark job, or no setting says where savepoints go.
        :raises SavepointFailed: it is not at work.
        """
        job = self._progress.observe([self.get(job_id).id])[job_id]
        check_savepoint(self._registry, self._platform, job)

    def find_duplicate(self, client: str, module: str) -> Job | None:
        """The live job of a client and module, if there is one."""
        return self._registry.jobs.find_duplicate(client, module)

    def stop_client(self, client: str, module: str, *, actor: str = "") -> tuple[Job, ...]:
        """Stop every live job of a client and module.

        :returns: those that were live, as they are now.
        """
        live = self._registry.jobs.iterate(states=LIVE_JOB_STATES, client=client, module=module)
        return tuple(self.terminate(job.id, actor=actor) for job in live)

    def read_log(self, job_id: int, start: int = 0) -> LogPart:
        """A piece of the job's log from a byte offset on, without its settings' secrets; read on from its end.

        :raises NotFound: there is no such job.
        :raises PlatformUnavailable: it cannot be read just now.
        """
        job = self.get(job_id)
        part = self._platform.read_log(job, self._registry.clusters.get(job.cluster_id), start)
        return _without_secrets(job, part)

    def read_logs(self, wanted: Sequence[tuple[Job, int]], most: int = 65536) -> tuple[LogPart, ...]:
        """A piece of each job's log from a byte offset on, with one question to the registry for all of them.

        A log that cannot be read just now (its node does not answer) keeps nobody from theirs: its piece is empty, and
        cut.

        :param most: bytes of each, about.
        """
        ids = {job.cluster_id for job, _ in wanted}
        clusters = {cluster.id: cluster for cluster in self._registry.clusters.get_many(ids)}
        logs = [(job, clusters[job.cluster_id], at) for job, at in wanted]
        parts = read_at_once(self._platform, logs, most)
        return tuple(_without_secrets(job, part) for (job, _), part in zip(wanted, parts, strict=True))

    def logs(self, job_id: int) -> str:
        """The whole log of a job as it is now.

        :raises NotFound: there is no such job.
        """
        texts, part = [], self.read_log(job_id)
        while part.text:
            texts.append(part.text)
            part = self.read_log(job_id, part.end)
        return "".join(texts)

    def why_log_is_empty(self, job_id: int) -> str:
        """What to tell a person of a job of whose log nothing is there.

        :raises NotFound: there is no such job.
        """
        job = self.get(job_id)
        cluster = self._registry.clusters.get(job.cluster_id)
        return why_empty(job, cluster, self._settings.grafana.of_job(job, cluster))

    def is_monitored(self, client: str) -> bool:
        """Whether long-running jobs of the client are watched for."""
        return self._registry.client_settings.is_monitored(client)

    def monitoring(self, client: str) -> ClientSetting:
        """Whether and after how many seconds long-running jobs of the client are watched for."""
        return self._registry.client_settings.get(client)

    def set_monitoring(self, client: str, enabled: bool, alert_after: int | None = None) -> None:
        """Have long-running jobs of the client watched for, or not.

        :param alert_after: seconds after which a job runs long; none means the connection's default.
        :raises InvalidSpec: the client's name is none, or the seconds are not above 0.
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
        self._see_duplicates_out(request)
        return self._job_clusters.take(request, lambda it, owned: self._claim(request, it, owned))

    def _see_duplicates_out(self, request: JobRequest) -> None:
        """Look at what would be a duplicate, which may have ended unseen, and wait for what is being stopped."""
        duplicates = self._registry.jobs.duplicates(request.spec, request.owner)
        if not duplicates:
            return
        with suppress(PlatformUnavailable, WaitTimeout):  # what cannot be seen to have ended is a duplicate
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
            self.wait(job.id, _FINAL, _ENDING_SECONDS)
        except WaitTimeout as late:
            raise WaitTimeout(
                f"{late}. The task's new run of it does not begin beside it: look for its pod on a node that does not "
                "answer, and remove that for certain; then run the task again"
            ) from None

    def _stop_older_epochs(self, owner: Owner) -> None:
        for job in self._registry.jobs.live_of_older_epochs(owner):
            self.terminate(job.id, actor=str(owner))
            self._wait_until_terminated(job)
        self._clusters.end_older_epochs(owner)


def _without_secrets(job: Job, part: LogPart) -> LogPart:
    """A piece of a job's log without the values that are secrets by the names of its settings and arguments."""
    text = part.text
    for secret in job.spec.secrets:
        text = text.replace(secret, REDACTED)
    return part if text == part.text else replace(part, text=text)


def raise_if_job_ended(job: Job) -> None:
    """Refuse to go on waiting for a job that has ended.

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

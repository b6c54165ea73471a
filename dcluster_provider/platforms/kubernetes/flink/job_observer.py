"""The Flink jobs of one connection: a JobManager is asked once for all its jobs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.flink.jobs import FlinkJobs
from dcluster_provider.engines.flink.log_patterns import FlinkCode
from dcluster_provider.platforms.kubernetes.flink.jobs import JobManagerJobs, is_jar
from dcluster_provider.platforms.kubernetes.flink.manifests import job_savepoint_folder
from dcluster_provider.platforms.kubernetes.observations import ClientPod
from dcluster_provider.platforms.kubernetes.pod_engine import JobSources
from dcluster_provider.platforms.kubernetes.pods.pod import Pod, running_master

_RESTARTS_SECONDS = 120.0  # for which a restart is reported: between two of them, the job is at work
_SILENCE = timedelta(seconds=120)  # after which a JobManager is not waited for any more


class RestartHints:
    """Why the jobs of one connection restart, by the job's id."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, Diagnosis]] = {}

    def lasting(self, job_id: int, found: Diagnosis | None) -> Diagnosis | None:
        """The cause of a restart that was found now, or a moment ago."""
        now = time.monotonic()
        if found is not None:
            self._known[job_id] = (now, found)
        known = self._known.get(job_id)
        return known[1] if known is not None and now - known[0] < _RESTARTS_SECONDS else None

    def forget(self, job_id: int) -> None:
        """Forget a job that has ended."""
        self._known.pop(job_id, None)


class FlinkJobObserver:
    """See :class:`~dcluster_provider.platforms.kubernetes.pod_engine.EngineJobs`."""

    def __init__(self, sources: JobSources) -> None:
        self._sources = sources
        self._hints = RestartHints()
        self._silent = FirstPolls()  # JobManagers that somebody else runs, by the cluster's id
        self._missing = FirstPolls()  # jobs that those knew before, by id

    def observe(
        self, jobs: Sequence[Job], cluster: Cluster, pods: Sequence[Pod]
    ) -> dict[int, JobObservation]:
        """Each job by what its JobManager reports, and by its client's pod."""
        known = FlinkJobs.poll(self._sources.rest_of(cluster), self._sources.page_of(cluster))
        if known is None:
            return self._without_jobmanager(jobs, cluster, pods) if cluster.is_external else {}
        self._silent.found(cluster.id)
        manager = JobManagerJobs(
            known,
            running_master(pods),
            highly_available=self._sources.settings.flink_ha and not cluster.is_external,
            external=cluster.is_external,
        )
        seen = {}
        for job in jobs:
            client = None if is_jar(job) else self._sources.client_of(job, cluster, pods)
            folder = (
                job_savepoint_folder(self._sources.settings, job, cluster) if job.savepoint_requested else ""
            )
            found = manager.observe(job, client, folder)
            if found is not None and not (cluster.is_external and self._may_be_recovered(job, found)):
                seen[job.id] = self._with_hint(job, found, manager)
        return seen

    def _with_hint(self, job: Job, seen: JobObservation, manager: JobManagerJobs) -> JobObservation:
        if seen.phase in {JobPhase.PENDING, JobPhase.RUNNING}:
            found = self._hints.lasting(job.id, manager.why_restarting(job))
            return replace(seen, hint=seen.hint or found)
        self._hints.forget(job.id)
        return seen

    def _may_be_recovered(self, job: Job, seen: JobObservation) -> bool:
        """Whether a JobManager that was asked to run a job and does not know it may be one that has just restarted."""
        if job.started_at is None or seen.phase not in {JobPhase.ABSENT, JobPhase.LOST}:
            self._missing.found(job.id)
            return False
        now = _now()
        return not is_given_up(self._missing.in_vain(job.id, now), now)

    def _without_jobmanager(
        self, jobs: Iterable[Job], cluster: Cluster, pods: Sequence[Pod]
    ) -> dict[int, JobObservation]:
        since = self._silent.in_vain(cluster.id, _now())
        seen = {}
        for job in jobs:
            if not is_jar(job):
                client = self._sources.client_of(job, cluster, pods)
                found = observe_without_jobmanager(client, cluster.ui_url, since)
                if found is not None:
                    seen[job.id] = found
        return seen


def _now() -> datetime:
    return datetime.now(timezone.utc)


class FirstPolls:
    """When something was first looked for in vain, in this process, by what it is."""

    def __init__(self) -> None:
        self._since: dict[int, datetime] = {}

    def in_vain(self, number: int, now: datetime) -> datetime:
        """Note a look in vain; since when there was none that was not."""
        return self._since.setdefault(number, now)

    def found(self, number: int) -> None:
        """Note a look that was not."""
        self._since.pop(number, None)


def is_given_up(since: datetime, now: datetime) -> bool:
    """Whether a JobManager that has restarted would answer by now, and have its jobs again."""
    return now - since >= _SILENCE


def observe_without_jobmanager(client: ClientPod, url: str, silent_since: datetime) -> JobObservation | None:
    """A PyFlink program or SQL file on somebody else's JobManager, which does not answer: what its client alone tells.

    :param url: of the JobManager.
    :param silent_since: since when it does not answer; a client that did not wait for its jobs may have ended long ago.
    :returns: none while the client runs, and while a JobManager that restarts may answer again.
    """
    seen = client.observe()
    if seen is None or seen.phase is JobPhase.PENDING or (client.pod and client.begun_by is None):
        return seen
    if not is_given_up(max(silent_since, client.ended_at or client.job.state_since), client.now):
        return None
    if seen.phase is JobPhase.SUCCEEDED:
        return JobObservation(JobPhase.LOST, exit_code=seen.exit_code, diagnosis=_unheard(url))
    return seen


def _unheard(url: str) -> Diagnosis:
    return Diagnosis(
        FlinkCode.JOB_MANAGER_SILENT,
        f"The client ended well, but the JobManager at {url} does not answer Airflow, so whether what the client "
        "submitted has finished cannot be told.",
        "Make that address reachable from where Airflow runs, too. Check the job's output; if it has to run again, "
        "clear the task.",
    )

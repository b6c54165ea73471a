"""The Flink jobs of one connection: a JobManager is asked once for all its jobs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.flink.jobs import FlinkJobs
from dcluster_provider.platforms.kubernetes.flink.external import (
    FirstPolls,
    is_given_up,
    observe_without_jobmanager,
)
from dcluster_provider.platforms.kubernetes.flink.jobs import JobManagerJobs, is_jar
from dcluster_provider.platforms.kubernetes.flink.savepoint_folders import job_savepoint_folder
from dcluster_provider.platforms.kubernetes.pod_engine import JobSources
from dcluster_provider.platforms.kubernetes.pods.pod import Pod, running_master

_RESTARTS_SECONDS = 120.0  # for which a restart is reported: between two of them, the job is at work


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
            return replace(seen, hint=self._hints.lasting(job.id, manager.why_restarting(job)))
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

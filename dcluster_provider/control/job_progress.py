"""Applies observations to jobs, and takes the steps that become due."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.observation_errors import (
    ObservationErrors,
    Unobservable,
    isolate_errors,
    remote_error,
)
from dcluster_provider.control.records import save_change, utc_now
from dcluster_provider.control.resizing import size_for
from dcluster_provider.control.termination import after_cluster
from dcluster_provider.core.diagnosis import Diagnosis, JobCode
from dcluster_provider.core.errors import (
    CredentialsRefused,
    InvalidSpec,
    PlatformRefused,
    PlatformUnavailable,
    StaleRecord,
)
from dcluster_provider.core.job_result import ResultReader, ReturnedResult
from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.core.record import Cluster, Job, JobState
from dcluster_provider.core.state import advance_job, begin_job, fail_job
from dcluster_provider.engines.spark.main_end import judge_main_end
from dcluster_provider.platforms.base import Platform
from dcluster_provider.platforms.capabilities import SupportsExternalClusters

if TYPE_CHECKING:
    from dcluster_provider.registry.store import Registry

_LOG = logging.getLogger(__name__)
_LOG_SECONDS = 30.0  # for which the end of a job waits until its result can be read
_STOP_GRACE_PERIOD = timedelta(seconds=15)  # after which the stop of a job is requested again


class JobProgress:
    """Moves the jobs of one connection from submission to their end, in whichever process polls them."""

    def __init__(self, registry: Registry, platform: Platform, clusters: Clusters) -> None:
        self._registry = registry
        self._platform = platform
        self._clusters = clusters
        self._observation_errors = ObservationErrors("job")
        self._unread: dict[
            int, float
        ] = {}  # by job: monotonic time since when the log of its end cannot be read

    def observe(self, ids: Iterable[int]) -> dict[int, Job]:
        """Poll jobs and their clusters, each in one batch, and return the jobs by id, in their current states.

        Steps that are due are taken: a job whose cluster runs is started, and a job's own cluster terminates with it.
        """
        after = {job.id: job for job in self._registry.jobs.get_many(list(ids))}
        live = [job for job in after.values() if not job.state.is_final]
        clusters = self._clusters.observe({job.cluster_id for job in live})
        remote = {it.id: why for it in live if (why := remote_error(self._platform, clusters[it.cluster_id]))}
        going = []
        for job in live:
            if job.id in remote:
                continue
            cluster = clusters[job.cluster_id]
            if job.state is not JobState.REQUESTED and not cluster.state.is_ending:
                going.append((job, cluster))
                continue
            with isolate_errors(job):
                after[job.id] = self._before_its_run(job, cluster)
        observed = self._observation_errors.without_errors(
            {**remote, **(self._platform.observe_jobs(going) if going else {})}
        )
        for job, cluster in going:
            if job.id in observed:
                with isolate_errors(job):
                    found = _with_hint_of(cluster, observed[job.id])
                    judged = judge_main_end(job, found, utc_now())
                    whole = self._with_result(job, cluster, judged)
                    if whole and judged.phase is not found.phase:
                        self._platform.end_job(job, cluster, whole)
                    after[job.id] = self._advance(job, whole) if whole else job
                    self._stop_again(after[job.id], cluster)
        for job in after.values():
            with isolate_errors(f"The own cluster of {job}"):
                self._end_own_cluster(job)
        self._remove_ended(list(after.values()))
        return after

    def unobservable(self, job: Job) -> Unobservable | None:
        """Why the last poll could not observe a job, or the cluster that it waits for; None when it could."""
        if job.state is JobState.REQUESTED:
            return self._clusters.unobservable(job.cluster_id)
        return None if job.state.is_final else self._observation_errors.unobservable(job.id)

    def change(self, before: Job, change: Callable[[Job, datetime], Job], actor: str = "") -> Job:
        """Save a change of a job; if another process saved it meanwhile, apply the change to its new state."""
        registry = self._registry
        return save_change(before, change, registry.jobs.get, lambda it: registry.jobs.save(it, actor=actor))

    def _before_its_run(self, job: Job, cluster: Cluster) -> Job:
        if cluster.state.is_ending:
            return self._settle_without_cluster(job, cluster)
        return self._start(job, cluster) if cluster.state.takes_jobs else job

    def _start(self, job: Job, cluster: Cluster) -> Job:
        wanted = size_for(job, cluster)
        if wanted is not None:
            cluster = self._clusters.resize(cluster.id, wanted, at_least=True, actor=f"{job} has started")
        try:
            self._platform.apply_job(job, cluster)
        except PlatformRefused as refusal:
            return self._fail(job, refusal.diagnosis)
        except InvalidSpec as error:
            return self._fail(
                job, Diagnosis(JobCode.INVALID_SPEC, str(error), "Correct it, then run the task again.")
            )
        begun = self.change(job, begin_job)
        if begun.state is JobState.STOPPING or begun.state.is_final:
            # It was stopped while it was starting.
            self._platform.stop_job(begun, cluster)
        return begun

    def _fail(self, job: Job, diagnosis: Diagnosis) -> Job:
        return self.change(job, lambda it, now: fail_job(it, diagnosis, now))

    def _with_result(self, job: Job, cluster: Cluster, observed: JobObservation) -> JobObservation | None:
        """The observation with the job's result if it has just ended; None while the log cannot be read.

        The result is read before the job counts as ended, because the log may go with the job's own cluster.
        """
        if not job.spec.returns_result or observed.phase not in (JobPhase.SUCCEEDED, JobPhase.FAILED):
            return observed
        try:
            found = self._read_result(job, cluster)
        except CredentialsRefused:
            raise
        except PlatformUnavailable as error:
            since = self._unread.setdefault(job.id, time.monotonic())
            _LOG.info("The result of %s cannot be read now: %s", job, error)
            if time.monotonic() - since < _LOG_SECONDS:
                return None
            found = None
        self._unread.pop(job.id, None)
        if found is None:
            return observed
        if observed.phase is JobPhase.FAILED:
            return replace(observed, diagnosis=found.error or observed.diagnosis)
        return replace(observed, result=found.result)

    def _read_result(self, job: Job, cluster: Cluster) -> ReturnedResult | None:
        reader = ResultReader(job.id)
        part = self._platform.read_log(job, cluster, 0)
        while part.text:
            reader.feed(part.text)
            part = self._platform.read_log(job, cluster, part.end)
        return reader.result()

    def _settle_without_cluster(self, job: Job, cluster: Cluster) -> Job:
        current = self._registry.jobs.get(job.id)
        if current.state.is_final:
            return current
        (ended,) = after_cluster(self._platform, [current], cluster, utc_now())
        with suppress(StaleRecord):
            return self._registry.jobs.save(ended)
        return self._registry.jobs.get(job.id)

    def _stop_again(self, job: Job, cluster: Cluster) -> None:
        """Request the stop of a job again if it still runs: the process that requested it may have been killed."""
        late = utc_now() - job.state_since > _STOP_GRACE_PERIOD
        if job.state is JobState.STOPPING and job.savepoint_request is None and late:
            self._platform.stop_job(job, cluster)

    def _end_own_cluster(self, job: Job) -> None:
        if job.state.is_final and job.owns_cluster and not job.spec.keep_alive:
            self._clusters.terminate(job.cluster_id, actor=f"{job} has ended")

    def _remove_ended(self, jobs: Sequence[Job]) -> None:
        """Remove what was made for ended jobs on external clusters, which outlive them."""
        ended = [job for job in jobs if job.state.is_final and not job.owns_cluster]
        if not ended:
            return
        clusters = {it.id: it for it in self._registry.clusters.get_many({job.cluster_id for job in ended})}
        for job in ended:
            if not clusters[job.cluster_id].is_external or not isinstance(
                self._platform, SupportsExternalClusters
            ):
                continue
            with isolate_errors(f"What is left of {job}"):
                self._platform.delete_job(job, clusters[job.cluster_id])

    def _advance(self, job: Job, observed: JobObservation) -> Job:
        def decide(it: Job, now: datetime) -> Job:
            # A poll without the savepoint request, or with an earlier one, does not know the request's outcome.
            knows = it.savepoint_request == job.savepoint_request or observed.savepoint
            return advance_job(it, observed, now) if knows else it

        return self.change(job, decide)


def _with_hint_of(cluster: Cluster, observed: JobObservation) -> JobObservation:
    """The observation of a waiting job, or one without workers, with the reason why its cluster makes no progress."""
    if cluster.diagnosis is None:
        return observed
    waits = observed.phase is JobPhase.PENDING and observed.hint is None
    is_alone = observed.phase is JobPhase.RUNNING and cluster.workers_ready == 0
    return replace(observed, hint=cluster.diagnosis) if waits or is_alone else observed

"""Looking at jobs: a master is asked at most once for all its jobs, and only for what no pod tells."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from dcluster_provider.core.errors import CredentialsRefused, DClusterError, PlatformUnavailable
from dcluster_provider.core.observation import JobObservation, JobPhase, ObservationError
from dcluster_provider.core.record import Cluster, Job, JobState
from dcluster_provider.engines.flink.rest import FINAL_PHASES
from dcluster_provider.engines.rest import EngineRest
from dcluster_provider.platforms.base import LogPart
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import collection
from dcluster_provider.platforms.kubernetes.cluster_access import cluster_addresses, master_rest
from dcluster_provider.platforms.kubernetes.diagnosis import GracePeriods
from dcluster_provider.platforms.kubernetes.engine_table import POD_ENGINES, pod_engine
from dcluster_provider.platforms.kubernetes.job_runs import JobRuns
from dcluster_provider.platforms.kubernetes.manifests.metadata import VERDICT, job_name
from dcluster_provider.platforms.kubernetes.observations import ClientPod, verdict_annotation
from dcluster_provider.platforms.kubernetes.pod_engine import JobSources
from dcluster_provider.platforms.kubernetes.pods.ended_logs import EndedLogs
from dcluster_provider.platforms.kubernetes.pods.logs import read_end, read_pod_log, read_stamped_end
from dcluster_provider.platforms.kubernetes.pods.pod import Pod
from dcluster_provider.platforms.kubernetes.pods.watch import Warnings
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

_LOG = logging.getLogger(__name__)
_LOG_PATIENCE = timedelta(
    seconds=30
)  # in which a log that cannot be read is tried again before its job's end is told
_LOG_HEAD_BYTES = 256 * 1024  # in which a driver tells which application the master made of it


class JobObserver:
    """Looks at one connection's jobs.

    :param pods_of: the pods of a cluster.
    :param warnings: by namespace.
    :param home: below which the logs of ended jobs are kept; none means a folder for temporary files.
    """

    def __init__(  # noqa: PLR0917  # each is one of the platform's parts
        self,
        settings: KubernetesSettings,
        api: KubernetesApi,
        runs: JobRuns,
        pods_of: Callable[[Cluster], tuple[Pod, ...]],
        warnings: Mapping[str, Warnings],
        grace_periods: GracePeriods,
        home: Path | None = None,
    ) -> None:
        self._settings = settings
        self._api = api
        self._runs = runs
        self._pods = pods_of
        self._warnings = warnings
        self._grace_periods = grace_periods
        self._ended_logs = EndedLogs(api, home)
        sources = JobSources(
            settings,
            self._rest,
            lambda cluster: cluster_addresses(settings, cluster).ui_url,
            self._client,
        )
        self._jobs = {name: engine.jobs(sources) for name, engine in POD_ENGINES.items()}

    def observe(self, group: Sequence[tuple[Job, Cluster]]) -> dict[int, JobObservation | ObservationError]:
        """Jobs of one cluster, by id; those that cannot be told of just now are left out."""
        cluster = group[0][1]
        pods = self._pods(cluster)
        by_id = {job.id: job for job, _ in group}
        jobs = list(by_id.values())
        seen = self._jobs[cluster.spec.engine].observe(jobs, cluster, pods)
        return {
            number: self._with_its_end(by_id[number], cluster, found, pods) for number, found in seen.items()
        }

    def read_log(self, job: Job, cluster: Cluster, start: int, most: int = 65536) -> LogPart:
        """The output of the driver or client; nothing after its pod has gone."""
        if pod_engine(cluster.spec).hands_over(job):
            return self._failure(job, cluster, start)
        kept = self._ended_logs.read(job, start, most)
        if kept is not None:
            return kept
        pod = self._client(job, cluster, self._pods(cluster)).pod
        return LogPart("", start) if pod is None else read_pod_log(self._api, pod, start, most)

    def _client(self, job: Job, cluster: Cluster, pods: Sequence[Pod]) -> ClientPod:
        namespace = self._settings.namespace_of(cluster.spec)
        path = f"{collection('Job', namespace)}/{job_name(job)}"
        return ClientPod(
            job,
            pods,
            pod_engine(cluster.spec).client_title,
            lambda: self._api.find(path),
            self._warnings[namespace].about,
            lambda pod: read_pod_log(self._api, pod, 0, _LOG_HEAD_BYTES).text,
            self._grace_periods,
            _now(),
            lambda pod: read_end(self._api, pod),
            lambda pod: read_stamped_end(self._api, pod),
        )

    def end_job(self, job: Job, cluster: Cluster, outcome: JobObservation) -> None:
        """Keep a running job's log and the outcome that is decided for it, and end its pod.

        :raises DClusterError: it cannot be done just now, or may not be done.
        """
        pod = self._client(job, cluster, self._pods(cluster)).pod
        if pod is not None and not pod.is_over:
            self._keep_log(job, cluster, outcome, pod)
            self._runs.suspend(job, cluster, {VERDICT: verdict_annotation(outcome)})

    def _with_its_end(
        self, job: Job, cluster: Cluster, seen: JobObservation, pods: Sequence[Pod]
    ) -> JobObservation | ObservationError:
        """What was seen of a job, once what its end asks for is done.

        :param pods: in which that was seen: a pod that has gone since is no process to be ended.
        """
        pod = self._client(job, cluster, pods).pod
        try:
            self._keep_log(job, cluster, seen, pod)
            self._end_what_is_decided(job, cluster, seen, pod)
        except CredentialsRefused:
            raise
        except PlatformUnavailable as error:
            return ObservationError(error, is_refused=False)
        except DClusterError as refusal:  # nobody may do it, and the job has ended all the same
            _LOG.warning("%s has ended as %s, but: %s", job, seen.phase.value, refusal)
        return seen

    def _keep_log(self, job: Job, cluster: Cluster, seen: JobObservation, pod: Pod | None) -> None:
        """The pods of a job's own cluster go as soon as its end is known, and with them what it printed last.

        So do those of a job on a cluster that somebody else runs, and one whose other containers are ended for it.
        """
        goes = job.owns_cluster or cluster.is_external or (pod is not None and not pod.is_over)
        if pod is None or not goes or seen.phase not in FINAL_PHASES:
            return
        try:
            self._ended_logs.keep(job, pod)
        except PlatformUnavailable as error:
            if _has_just_ended(pod):
                raise
            _LOG.warning("The end of the log of %s is lost: %s", job, error)  # with its node, perhaps

    def _end_what_is_decided(self, job: Job, cluster: Cluster, seen: JobObservation, pod: Pod | None) -> None:
        """The process of a job judged to have failed is ended and stays failed; so is one whose savepoint is made.

        So are containers that live on beside an engine that has ended.
        """
        lives_on = pod is not None and seen.phase is JobPhase.SUCCEEDED and pod.phase == "Running"
        if not (seen.savepoint or lives_on or (seen.phase is JobPhase.FAILED and seen.diagnosis)):
            return
        if pod_engine(cluster.spec).hands_over(job):
            return
        if pod is None or not pod.is_over:
            self._runs.suspend(
                job, cluster, {VERDICT: verdict_annotation(seen)} if seen.diagnosis or lives_on else {}
            )

    def _failure(self, job: Job, cluster: Cluster, start: int) -> LogPart:
        """What a job failed with that has no process of its own, and so no log."""
        if start or job.state is not JobState.FAILED:
            return LogPart("", start)
        text = pod_engine(cluster.spec).failure_text(self._rest(cluster), job)
        return LogPart(text, len(text))

    def _rest(self, cluster: Cluster) -> EngineRest:
        return master_rest(self._settings, self._api, cluster)


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _has_just_ended(pod: Pod) -> bool:
    at = pod.engine.finished_at if pod.engine else None
    return at is not None and _now() - at < _LOG_PATIENCE

"""Looking at jobs: a master is asked at most once for all its jobs, and only for what no pod tells."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from dcluster_provider.core.errors import CredentialsRefused, DClusterError, InvalidSpec, PlatformUnavailable
from dcluster_provider.core.observation import ApplicationEnd, JobObservation, JobPhase, ObservationError
from dcluster_provider.core.record import Cluster, Job, JobState
from dcluster_provider.engines import flink, spark
from dcluster_provider.engines.flink_savepoints import SAVEPOINT_FOLDER, savepoint_folder
from dcluster_provider.engines.rest import ErrorResponse, NoAnswer
from dcluster_provider.platforms.base import LogPart
from dcluster_provider.platforms.kubernetes import external_looks, flink_jobs, flink_manifests, spark_jobs
from dcluster_provider.platforms.kubernetes.api import KubernetesApi
from dcluster_provider.platforms.kubernetes.cluster_manifests import cluster_addresses, master_rest
from dcluster_provider.platforms.kubernetes.diagnosis import GracePeriods
from dcluster_provider.platforms.kubernetes.ended_logs import EndedLogs
from dcluster_provider.platforms.kubernetes.flink_jobs import FlinkJobs
from dcluster_provider.platforms.kubernetes.job_hints import Hint, JobHints
from dcluster_provider.platforms.kubernetes.job_outcome import ClientPod, verdict_annotation
from dcluster_provider.platforms.kubernetes.job_runs import JobRuns
from dcluster_provider.platforms.kubernetes.metadata import VERDICT, job_name
from dcluster_provider.platforms.kubernetes.paths import collection
from dcluster_provider.platforms.kubernetes.pod import Pod
from dcluster_provider.platforms.kubernetes.pod_logs import read_end, read_pod_log, read_stamped_end
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from dcluster_provider.platforms.kubernetes.warning_events import Warnings

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
        self._hints = JobHints()
        self._silent = external_looks.FirstPolls()  # JobManagers that somebody else runs, by the cluster's id
        self._missing = external_looks.FirstPolls()  # jobs that those knew before, by id

    def observe(self, group: Sequence[tuple[Job, Cluster]]) -> dict[int, JobObservation | ObservationError]:
        """Jobs of one cluster, by id; those that cannot be told of just now are left out."""
        cluster = group[0][1]
        pods = self._pods(cluster)
        by_id = {job.id: job for job, _ in group}
        jobs = list(by_id.values())
        if cluster.spec.engine == "flink":
            seen = self._observe_flink_jobs(jobs, cluster, pods)
        else:
            seen = self._observe_spark_jobs(jobs, cluster, pods)
        return {
            number: self._with_its_end(by_id[number], cluster, found, pods) for number, found in seen.items()
        }

    def savepoint_folder(self, job: Job, cluster: Cluster) -> str:
        """The folder that the job's savepoints go to: the connection's flink_storage, unless a setting names one.

        :raises InvalidSpec: no setting of the job names one, and somebody else runs its cluster.
        """
        if not cluster.is_external:
            return savepoint_folder(job, flink_manifests.cluster_settings(self._settings, cluster))
        folder = savepoint_folder(job, {})
        if not folder:
            raise InvalidSpec(
                f"field savepoint: nothing says where savepoints of {job} go, and somebody else runs its cluster; set "
                f"{SAVEPOINT_FOLDER} in extraCmd of the job"
            )
        return folder

    def read_log(self, job: Job, cluster: Cluster, start: int, most: int = 65536) -> LogPart:
        """The output of the driver or client; nothing after its pod has gone."""
        if cluster.spec.engine == "flink" and flink_jobs.is_jar(job):
            return self._jar_log(job, cluster, start)
        kept = self._ended_logs.read(job, start, most)
        if kept is not None:
            return kept
        pod = self._client(job, cluster, self._pods(cluster)).pod
        return LogPart("", start) if pod is None else read_pod_log(self._api, pod, start, most)

    def _client(self, job: Job, cluster: Cluster, pods: Sequence[Pod]) -> ClientPod:
        namespace = self._settings.namespace_of(cluster.spec)
        what = flink_jobs.CLIENT if cluster.spec.engine == "flink" else spark_jobs.DRIVER
        path = f"{collection('Job', namespace)}/{job_name(job)}"
        return ClientPod(
            job,
            pods,
            what,
            lambda: self._api.find(path),
            self._warnings[namespace].about,
            lambda pod: read_pod_log(self._api, pod, 0, _LOG_HEAD_BYTES).text,
            self._grace_periods,
            _now(),
            lambda pod: read_end(self._api, pod),
            lambda pod: read_stamped_end(self._api, pod),
        )

    def _observe_spark_jobs(
        self, jobs: Iterable[Job], cluster: Cluster, pods: Sequence[Pod]
    ) -> dict[int, JobObservation]:
        clients = [self._client(job, cluster, pods) for job in jobs]
        if self._settings.makes_own_executors(cluster.spec):
            return {
                client.job.id: self._hinted(
                    client, spark_jobs.observe_with_own_executors(client), self._hints.without_executors
                )
                for client in clients
            }
        answers: list[Any] = []

        def ask_master() -> Any:
            if not answers:
                try:
                    answers.append(master_rest(self._settings, self._api, cluster).request("GET", "/json/"))
                except (NoAnswer, ErrorResponse):
                    answers.append(None)
            return answers[0]

        def read_page(path: str) -> str:
            try:
                return master_rest(self._settings, self._api, cluster).text(path)
            except (NoAnswer, ErrorResponse):
                return ""

        worker = spark.Worker.of(cluster.spec)
        master = _master(pods)

        def observe(client: ClientPod) -> JobObservation:
            if cluster.is_external:
                return external_looks.observe_on_external(client, cluster.master_url, ask_master)
            return spark_jobs.observe_on_standalone(client, worker, master, ask_master, read_page)

        return {
            client.job.id: self._hinted(
                client, observe(client), lambda client: self._hints.after_application(client, ask_master)
            )
            for client in clients
        }

    def _hinted(
        self, client: ClientPod, seen: JobObservation, why: Callable[[ClientPod], Hint | None]
    ) -> JobObservation:
        """What was seen of a job that goes on, with why it makes no progress, if it does not."""
        if seen.phase in {JobPhase.PENDING, JobPhase.RUNNING}:
            found = why(client)
            if isinstance(found, ApplicationEnd):
                return replace(seen, phase=JobPhase.RUNNING, application_end=found)
            return replace(seen, hint=found)
        self._hints.forget([client.job.id])
        return seen

    def _observe_flink_jobs(
        self, jobs: Sequence[Job], cluster: Cluster, pods: Sequence[Pod]
    ) -> dict[int, JobObservation]:
        master = _master(pods)
        known = FlinkJobs.ask(
            master_rest(self._settings, self._api, cluster),
            cluster_addresses(self._settings, cluster).ui_url,
            master,
            highly_available=self._settings.flink_ha and not cluster.is_external,
            external=cluster.is_external,
        )
        if known is None:
            return self._unheard(jobs, cluster, pods) if cluster.is_external else {}
        self._silent.found(cluster.id)
        seen = {}
        for job in jobs:
            client = None if flink_jobs.is_jar(job) else self._client(job, cluster, pods)
            folder = self.savepoint_folder(job, cluster) if job.savepoint_wanted else ""
            found = known.observe(job, client, folder)
            if found is not None and not (cluster.is_external and self._may_be_recovered(job, found)):
                is_live = found.phase in {JobPhase.PENDING, JobPhase.RUNNING}
                hint = self._hints.lasting(job.id, known.why_restarting(job)) if is_live else None
                seen[job.id] = replace(found, hint=hint)
        return seen

    def _may_be_recovered(self, job: Job, seen: JobObservation) -> bool:
        """Whether a JobManager that was asked to run a job and does not know it may be one that has just restarted."""
        if job.started_at is None or seen.phase not in {JobPhase.ABSENT, JobPhase.LOST}:
            self._missing.found(job.id)
            return False
        now = _now()
        return not external_looks.is_given_up(self._missing.in_vain(job.id, now), now)

    def _unheard(
        self, jobs: Iterable[Job], cluster: Cluster, pods: Sequence[Pod]
    ) -> dict[int, JobObservation]:
        since = self._silent.in_vain(cluster.id, _now())
        seen = {}
        for job in jobs:
            if not flink_jobs.is_jar(job):
                found = external_looks.observe_without_jobmanager(
                    self._client(job, cluster, pods), cluster.ui_url, since
                )
                if found is not None:
                    seen[job.id] = found
        return seen

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
        if pod is None or not goes or seen.phase not in flink.FINAL_PHASES:
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
        if cluster.spec.engine == "flink" and flink_jobs.is_jar(job):
            return
        if pod is None or not pod.is_over:
            self._runs.suspend(
                job, cluster, {VERDICT: verdict_annotation(seen)} if seen.diagnosis or lives_on else {}
            )

    def _jar_log(self, job: Job, cluster: Cluster, start: int) -> LogPart:
        if start or job.state is not JobState.FAILED:
            return LogPart("", start)
        text = flink_jobs.exception_text(master_rest(self._settings, self._api, cluster), job)
        return LogPart(text, len(text))


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _has_just_ended(pod: Pod) -> bool:
    at = pod.engine.finished_at if pod.engine else None
    return at is not None and _now() - at < _LOG_PATIENCE


def _master(pods: Iterable[Pod]) -> Pod | None:
    return next((pod for pod in pods if pod.role == "master" and not pod.deleting), None)

"""Clusters on Kubernetes, as plain objects below one root for each."""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import (
    CredentialsRefused,
    InvalidSpec,
    PlatformRefused,
    PlatformUnavailable,
)
from dcluster_provider.core.identity import flink_job_id, label_value
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase, JobObservation, JobPhase
from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState
from dcluster_provider.core.spec import ClusterSpec, JobSpec
from dcluster_provider.engines import flink, spark
from dcluster_provider.engines.flink_savepoints import savepoint_folder
from dcluster_provider.engines.rest import EngineRest, NoAnswer, Refused
from dcluster_provider.platforms.at_once import ask_at_once
from dcluster_provider.platforms.base import LogPart, Report
from dcluster_provider.platforms.kubernetes import (
    driver_manifests,
    flink_client_manifests,
    flink_jobs,
    flink_manifests,
    spark_jobs,
    spark_manifests,
)
from dcluster_provider.platforms.kubernetes.api import ApiRefused, Json, KubernetesApi
from dcluster_provider.platforms.kubernetes.application_files import (
    check_application,
    file_name,
    pieces,
)
from dcluster_provider.platforms.kubernetes.cluster_objects import Manifest, root, secret
from dcluster_provider.platforms.kubernetes.cluster_view import Addresses, ClusterView
from dcluster_provider.platforms.kubernetes.diagnosis import FORBIDDEN, Patience, refused_request
from dcluster_provider.platforms.kubernetes.ended_logs import EndedLogs
from dcluster_provider.platforms.kubernetes.engine_access import engine_rest
from dcluster_provider.platforms.kubernetes.flink_jobs import FlinkJobs
from dcluster_provider.platforms.kubernetes.flink_leaders import remove_leaders
from dcluster_provider.platforms.kubernetes.job_objects import job_secret, part_names
from dcluster_provider.platforms.kubernetes.job_outcome import ClientPod, verdict_annotation
from dcluster_provider.platforms.kubernetes.metadata import (
    CLUSTER,
    KEY,
    VERDICT,
    Place,
    cluster_labels,
    job_name,
    selector,
)
from dcluster_provider.platforms.kubernetes.paths import collection, collection_of
from dcluster_provider.platforms.kubernetes.pod import Pod
from dcluster_provider.platforms.kubernetes.pod_logs import read_pod_log
from dcluster_provider.platforms.kubernetes.pod_templates import PART
from dcluster_provider.platforms.kubernetes.pod_watch import PodWatch
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from dcluster_provider.platforms.kubernetes.warning_events import Warnings

_LOG = logging.getLogger(__name__)
_LOG_HEAD_BYTES = 256 * 1024  # in which a driver tells which application the master made of it
_PARTS = "parts"  # of a job's Secret: how many parts its application travels in


class KubernetesPlatform:
    """Runs clusters on Kubernetes; see :class:`~dcluster_provider.platforms.base.Platform` for the methods."""

    name = "kubernetes"
    log_pause = 2.0

    def __init__(self, settings: KubernetesSettings, api: KubernetesApi) -> None:
        self.settings = settings
        self._api = api
        self._listeners: set[Callable[[], None]] = set()
        self._patience = Patience(settings.unschedulable_timeout, settings.mount_timeout)
        self._watches = {
            name: PodWatch(api, name, selector(settings.deployment), self._tell)
            for name in settings.namespaces
        }
        self._ended_logs = EndedLogs(api)
        self._warnings = {name: Warnings(api, name) for name in settings.namespaces}

    def describe(self) -> str:
        """The API server's version and the namespaces."""
        version = self._api.get("/version")["gitVersion"]
        return f"Kubernetes {version} at {self._api.host}, namespaces {', '.join(self.settings.namespaces)}"

    def check_cluster(self, spec: ClusterSpec) -> None:
        """Refuse what cannot run: too little memory, a namespace that the connection does not have."""
        if spec.use_external_namespace and not self.settings.external_namespace:
            raise InvalidSpec(
                "field useExternalNamespace: the connection has no external_namespace; give it one, or leave the "
                "field out"
            )
        if spec.engine == "flink":
            flink.divisions(spec)
        else:
            spark.check_sizes(spec)
        if spec.launch_new_node:
            _LOG.info("launch_new_node is remembered; no nodes are launched by this platform")

    def check_job(self, spec: JobSpec) -> None:
        """Refuse a job whose application cannot get into a pod."""
        check_application(spec)

    def prepare(self, spec: ClusterSpec, report: Report) -> None:
        """Nothing takes long before a cluster is made."""

    def apply_cluster(self, cluster: Cluster) -> None:
        """Make the cluster's objects, or those that are missing."""
        namespace = self.settings.namespace_of(cluster.spec)
        try:
            made = self._api.ensure(collection("ConfigMap", namespace), root(cluster, namespace))
            if not _is_of(made, cluster):
                raise PlatformRefused(str(cluster), _name_taken(cluster, namespace))
            place = Place(namespace, made["metadata"]["uid"])
            self._api.ensure(collection("Secret", namespace), self._cluster_secret(cluster, place))
            for manifest in self._cluster_manifests(cluster, place):
                self._api.apply(collection_of(manifest), manifest)
        except ApiRefused as refusal:
            raise self._refused(refusal, str(cluster), cluster) from refusal

    def observe_clusters(self, clusters: Sequence[Cluster]) -> dict[int, ClusterObservation]:
        """Look at clusters: their pods are known from the watch, so most need no request."""
        visible = self._visible(clusters)
        seen = dict(ask_at_once(lambda cluster: (cluster.id, self._observe_cluster(cluster)), visible))
        never_made = [each for each in clusters if each not in visible and self._was_never_made(each)]
        return seen | {cluster.id: ClusterObservation(ClusterPhase.ABSENT) for cluster in never_made}

    def delete_cluster(self, cluster: Cluster) -> None:
        """Begin to delete the root, and with it everything of the cluster."""
        path = collection("ConfigMap", self.settings.namespace_of(cluster.spec))
        try:
            found = self._find_root(cluster)
            if found is not None and "deletionTimestamp" not in found["metadata"]:
                self._api.delete(f"{path}/{cluster.name}", "Foreground", found["metadata"]["uid"])
        except ApiRefused as refusal:
            # It is asked for again at every look; one cluster must not keep the others from being looked at.
            _LOG.warning("%s", self._refused(refusal, str(cluster), cluster))

    def stage_job(self, job: Job, cluster: Cluster) -> None:
        """Bring the job's settings and its application to the cluster, as a Secret."""
        namespace = self.settings.namespace_of(cluster.spec)
        place = self._place(cluster, job)
        try:
            files = {name: text.encode() for name, text in self._job_files(job, cluster).items()}
            content = pieces(job.spec)
            if len(content) > 1:
                for name, piece in zip(part_names(job, len(content)), content, strict=True):
                    part = job_secret(job, cluster, place, {PART: piece}, name)
                    self._api.ensure(collection("Secret", namespace), part)
                files[_PARTS] = str(len(content)).encode()
            elif content:
                files[file_name(job.spec)] = content[0]
            self._api.ensure(collection("Secret", namespace), job_secret(job, cluster, place, files))
        except ApiRefused as refusal:
            raise self._refused(refusal, str(job), cluster) from refusal

    def apply_job(self, job: Job, cluster: Cluster) -> None:
        """Make the Kubernetes Job of the driver or client, or hand the jar to Flink."""
        self._refuse_what_never_fits(job, cluster)
        namespace = self.settings.namespace_of(cluster.spec)
        place = self._place(cluster, job)
        try:
            staged = self._staged(job, namespace)
            parts = int(staged.get(_PARTS, b"0"))
            if cluster.spec.engine == "flink" and flink_jobs.is_jar(job):
                jar = self._parts(job, namespace, parts) if parts else staged[file_name(job.spec)]
                flink_jobs.run_jar(self._rest(cluster), cluster, job, jar)
                return
            wanted = self._client_job(job, cluster, place, parts)
            self._api.ensure(collection("Job", namespace), wanted)
        except ApiRefused as refusal:
            raise self._refused(refusal, str(job), cluster) from refusal

    def observe_jobs(self, jobs: Sequence[tuple[Job, Cluster]]) -> dict[int, JobObservation]:
        """Look at jobs: a master is asked at most once for all its jobs, and only for what no pod tells."""
        by_cluster: dict[int, list[tuple[Job, Cluster]]] = {}
        visible = {cluster.id for cluster in self._visible([cluster for _, cluster in jobs])}
        for job, cluster in jobs:
            if cluster.id not in visible:
                continue
            by_cluster.setdefault(cluster.id, []).append((job, cluster))
        seen = ask_at_once(self._observe_jobs_of, by_cluster.values())
        return {number: observation for group in seen for number, observation in group.items()}

    def stop_job(self, job: Job, cluster: Cluster) -> None:
        """Suspend the Kubernetes Job, which ends its pod; one that was not made yet is made suspended."""
        if cluster.spec.engine == "flink":
            self._cancel(job, cluster)
            if flink_jobs.is_jar(job):
                return
        self._suspend(job, cluster, {})

    def savepoint_folder(self, job: Job, cluster: Cluster) -> str:
        """The folder that the job's savepoints go to: the connection's flink_storage, unless a setting names one."""
        return savepoint_folder(job, flink_manifests.cluster_settings(self.settings, cluster))

    def read_log(self, job: Job, cluster: Cluster, start: int, most: int = 65536) -> LogPart:
        """The output of the driver or client; nothing after its pod has gone."""
        if cluster.spec.engine == "flink" and flink_jobs.is_jar(job):
            return self._jar_log(job, cluster, start)
        kept = self._ended_logs.read(job, start)
        if kept is not None:
            return kept
        pod = self._client(job, cluster, self._pods(cluster)).pod
        return LogPart("", start) if pod is None else read_pod_log(self._api, pod, start, most)

    def on_change(self, told: Callable[[], None]) -> Callable[[], None]:
        """Have a function called when a pod has changed."""
        self._listeners.add(told)
        return lambda: self._listeners.discard(told)

    def list_clusters(self) -> list[str]:
        """The names of this deployment's clusters that exist here."""
        names = []
        for namespace in self.settings.namespaces:
            query = {"labelSelector": selector(self.settings.deployment)}
            items, _ = self._api.list(collection("ConfigMap", namespace), query)
            names += [
                item["metadata"]["name"]
                for item in items
                if item["metadata"]["labels"].get(CLUSTER) == item["metadata"]["name"]
            ]
        return sorted(names)

    def _tell(self) -> None:
        for told in list(self._listeners):
            told()

    def _visible(self, clusters: Sequence[Cluster]) -> list[Cluster]:
        """Those whose pods can be seen just now."""
        seen = {}
        for namespace in {self.settings.namespace_of(cluster.spec) for cluster in clusters}:
            try:
                self._watches[namespace].require_current()
            except CredentialsRefused:
                raise
            except PlatformUnavailable as error:
                _LOG.warning("%s", error)
            else:
                seen[namespace] = True
        return [cluster for cluster in clusters if self.settings.namespace_of(cluster.spec) in seen]

    def _pods(self, cluster: Cluster) -> tuple[Pod, ...]:
        return self._watches[self.settings.namespace_of(cluster.spec)].pods_of(cluster.name)

    def _find_root(self, cluster: Cluster) -> Json | None:
        """The cluster's root; one of the same name that is another cluster's is none."""
        path = collection("ConfigMap", self.settings.namespace_of(cluster.spec))
        found = self._api.find(f"{path}/{cluster.name}")
        return found if found is not None and _is_of(found, cluster) else None

    def _was_never_made(self, cluster: Cluster) -> bool:
        """Whether a cluster was refused for want of rights, so that not even its root is there."""
        if cluster.state is not ClusterState.TERMINATING or cluster.diagnosis is None:
            return False
        if cluster.diagnosis.reason != FORBIDDEN:
            return False
        try:
            return self._find_root(cluster) is None
        except ApiRefused as refusal:
            return refusal.status == 403

    def _refused(self, refusal: ApiRefused, what: str, cluster: Cluster) -> PlatformRefused:
        namespace = self.settings.namespace_of(cluster.spec)
        return PlatformRefused(what, refused_request(refusal, what, namespace, self.settings.overlay))

    def _place(self, cluster: Cluster, job: Job) -> Place:
        found = self._find_root(cluster)
        if found is None:
            raise PlatformRefused(str(job), _cluster_gone(cluster))
        return Place(self.settings.namespace_of(cluster.spec), found["metadata"]["uid"])

    def _rest(self, cluster: Cluster) -> EngineRest:
        port = flink_manifests.REST_PORT if cluster.spec.engine == "flink" else spark_manifests.UI_PORT
        return engine_rest(
            self.settings, self._api, self.settings.namespace_of(cluster.spec), cluster.name, port
        )

    def _addresses(self, cluster: Cluster) -> Addresses:
        namespace = self.settings.namespace_of(cluster.spec)
        host = f"{cluster.name}.{namespace}.svc"
        is_flink = cluster.spec.engine == "flink"
        port = flink_manifests.REST_PORT if is_flink else spark_manifests.UI_PORT
        ui_url = self.settings.ui_url.replace("{name}", cluster.name).replace("{namespace}", namespace)
        if self.settings.makes_own_executors(cluster.spec):
            return Addresses("k8s://https://kubernetes.default.svc", ui_url)
        master = f"http://{host}:{port}" if is_flink else f"spark://{host}:{spark_manifests.MASTER_PORT}"
        return Addresses(master, ui_url or f"http://{host}:{port}")

    def _cluster_secret(self, cluster: Cluster, place: Place) -> Manifest:
        if cluster.spec.engine == "flink":
            files = flink_manifests.cluster_files(self.settings, cluster)
        elif self.settings.makes_own_executors(cluster.spec):
            files = spark_manifests.own_executor_files(secrets.token_hex(32))
        else:
            files = spark_manifests.cluster_files(cluster, secrets.token_hex(32))
        return secret(cluster.name, place, cluster_labels(cluster), files)

    def _cluster_manifests(self, cluster: Cluster, place: Place) -> list[Manifest]:
        if cluster.spec.engine == "flink":
            return flink_manifests.session(self.settings, cluster, place)
        if self.settings.makes_own_executors(cluster.spec):
            return spark_manifests.around_driver(self.settings, cluster, place)
        return spark_manifests.standalone(self.settings, cluster, place)

    def _observe_cluster(self, cluster: Cluster) -> ClusterObservation:
        pods = self._pods(cluster)
        if not pods:
            found = self._find_root(cluster)
            if found is None:
                if cluster.spec.engine == "flink" and self.settings.flink_ha:
                    remove_leaders(self._api, self.settings.namespace_of(cluster.spec), cluster.name)
                return ClusterObservation(ClusterPhase.ABSENT)
            if "deletionTimestamp" in found["metadata"]:
                return ClusterObservation(ClusterPhase.STARTING)
        addresses = self._addresses(cluster)
        if self.settings.makes_own_executors(cluster.spec):
            working = sum(pod.role == "executor" and pod.phase == "Running" for pod in pods)
            return ClusterObservation(
                ClusterPhase.READY, addresses.master_url, addresses.ui_url, workers_ready=working
            )
        warnings = self._warnings[self.settings.namespace_of(cluster.spec)]
        return ClusterView(cluster, pods, warnings.about, self._patience, _now()).observe(addresses)

    def _client(self, job: Job, cluster: Cluster, pods: Sequence[Pod]) -> ClientPod:
        namespace = self.settings.namespace_of(cluster.spec)
        what = flink_jobs.CLIENT if cluster.spec.engine == "flink" else spark_jobs.DRIVER
        path = f"{collection('Job', namespace)}/{job_name(job)}"
        return ClientPod(
            job,
            pods,
            what,
            lambda: self._api.find(path),
            self._warnings[namespace].about,
            lambda pod: read_pod_log(self._api, pod, 0, _LOG_HEAD_BYTES).text,
            self._patience,
            _now(),
        )

    def _observe_jobs_of(self, group: Sequence[tuple[Job, Cluster]]) -> dict[int, JobObservation]:
        cluster = group[0][1]
        pods = self._pods(cluster)
        jobs = [job for job, _ in group]
        if cluster.spec.engine == "flink":
            seen = self._observe_flink_jobs(jobs, cluster, pods)
        else:
            seen = self._observe_spark_jobs(jobs, cluster, pods)
        for job in jobs:
            self._keep_log(job, cluster, seen.get(job.id))
            self._end_what_is_decided(job, cluster, seen.get(job.id))
        return seen

    def _observe_spark_jobs(
        self, jobs: Iterable[Job], cluster: Cluster, pods: Sequence[Pod]
    ) -> dict[int, JobObservation]:
        clients = [self._client(job, cluster, pods) for job in jobs]
        if self.settings.makes_own_executors(cluster.spec):
            return {client.job.id: spark_jobs.observe_with_own_executors(client) for client in clients}
        answers: list[Any] = []

        def ask_master() -> Any:
            if not answers:
                try:
                    answers.append(self._rest(cluster).request("GET", "/json/"))
                except (NoAnswer, Refused):
                    answers.append(None)
            return answers[0]

        worker = spark.Worker.of(cluster.spec)
        master = _master(pods)
        return {
            client.job.id: spark_jobs.observe_on_standalone(client, worker, master, ask_master)
            for client in clients
        }

    def _observe_flink_jobs(
        self, jobs: Sequence[Job], cluster: Cluster, pods: Sequence[Pod]
    ) -> dict[int, JobObservation]:
        master = _master(pods)
        known = FlinkJobs.ask(
            self._rest(cluster),
            self._addresses(cluster).ui_url,
            master,
            highly_available=self.settings.flink_ha,
        )
        if known is None:
            return {}
        seen = {}
        for job in jobs:
            client = None if flink_jobs.is_jar(job) else self._client(job, cluster, pods)
            folder = self.savepoint_folder(job, cluster) if job.savepoint_wanted else ""
            found = known.observe(job, cluster, client, folder)
            if found is not None:
                seen[job.id] = found
        return seen

    def _keep_log(self, job: Job, cluster: Cluster, seen: JobObservation | None) -> None:
        """The pods of a job's own cluster go as soon as its end is known, and with them what it printed last."""
        if seen is None or not job.owns_cluster or seen.phase not in flink.FINAL_PHASES:
            return
        pod = self._client(job, cluster, self._pods(cluster)).pod
        if pod is not None:
            self._ended_logs.keep(job, pod)

    def _end_what_is_decided(self, job: Job, cluster: Cluster, seen: JobObservation | None) -> None:
        """The process of a job judged to have failed is ended and stays failed; so is one whose savepoint is made."""
        if seen is None or not (seen.savepoint or (seen.phase is JobPhase.FAILED and seen.diagnosis)):
            return
        if cluster.spec.engine == "flink" and flink_jobs.is_jar(job):
            return
        pod = self._client(job, cluster, self._pods(cluster)).pod
        if pod is None or not pod.is_over:
            self._suspend(job, cluster, {VERDICT: verdict_annotation(seen)} if seen.diagnosis else {})

    def _suspend(self, job: Job, cluster: Cluster, annotations: dict[str, str]) -> None:
        path = collection("Job", self.settings.namespace_of(cluster.spec))
        change = {"metadata": {"annotations": annotations}, "spec": {"suspend": True}}
        for _ in range(2):  # the second time when another process made it between the two
            try:
                self._api.merge(f"{path}/{job_name(job)}", change)
            except ApiRefused as refusal:
                if refusal.status != 404:
                    raise self._refused(refusal, str(job), cluster) from refusal
            else:
                return
            found = self._find_root(cluster)
            if found is None:
                return
            place = Place(self.settings.namespace_of(cluster.spec), found["metadata"]["uid"])
            wanted = self._client_job(job, cluster, place)
            wanted["spec"]["suspend"] = True
            self._api.ensure(path, wanted)

    def _cancel(self, job: Job, cluster: Cluster) -> None:
        rest = self._rest(cluster)
        known = FlinkJobs.ask(rest)
        ids = known.ids_of(job, cluster) if known else [flink_job_id(job.key, job.generation)]
        flink_jobs.cancel(rest, ids)

    def _client_job(self, job: Job, cluster: Cluster, place: Place, parts: int = 0) -> Manifest:
        make = flink_client_manifests.client if cluster.spec.engine == "flink" else driver_manifests.driver
        return make(self.settings, job, cluster, place, parts)

    def _job_files(self, job: Job, cluster: Cluster) -> dict[str, str]:
        if cluster.spec.engine != "flink":
            return driver_manifests.driver_files(self.settings, job, cluster)
        if flink_jobs.is_jar(job):
            return {}
        return flink_client_manifests.client_files(self.settings, job, cluster)

    def _staged(self, job: Job, namespace: str) -> dict[str, bytes]:
        """What was brought to the cluster for the job.

        :raises PlatformUnavailable: nothing yet: whoever submits it was cut short and has not come back.
        """
        stored = self._api.find(f"{collection('Secret', namespace)}/{job_name(job)}")
        if stored is None:
            raise PlatformUnavailable(f"{job}: its application has not been brought to the cluster yet")
        return {name: base64.b64decode(content) for name, content in (stored.get("data") or {}).items()}

    def _parts(self, job: Job, namespace: str, parts: int) -> bytes:
        path = collection("Secret", namespace)
        stored = (self._api.get(f"{path}/{name}") for name in part_names(job, parts))
        return b"".join(base64.b64decode(each["data"][PART]) for each in stored)

    def _refuse_what_never_fits(self, job: Job, cluster: Cluster) -> None:
        if cluster.spec.engine == "flink":
            diagnosis = flink.never_fits(cluster, job)
        else:
            settings = driver_manifests.driver_settings(job, cluster)
            diagnosis = spark.never_fits(settings, spark.Worker.of(cluster.spec))
        if diagnosis is not None:
            raise PlatformRefused(str(job), diagnosis)

    def _jar_log(self, job: Job, cluster: Cluster, start: int) -> LogPart:
        if start or job.state is not JobState.FAILED:
            return LogPart("", start)
        text = flink_jobs.exception_text(self._rest(cluster), job)
        return LogPart(text, len(text))


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _master(pods: Iterable[Pod]) -> Pod | None:
    return next((pod for pod in pods if pod.role == "master" and not pod.deleting), None)


def _is_of(found: Json, cluster: Cluster) -> bool:
    return (found["metadata"].get("labels") or {}).get(KEY) == label_value(cluster.key)


def _name_taken(cluster: Cluster, namespace: str) -> Diagnosis:
    return Diagnosis(
        "NameTaken",
        f"The ConfigMap {cluster.name} of namespace {namespace} belongs to another cluster.",
        "Give each Airflow a deployment of its own in its dcluster connection, then run the task again.",
    )


def _cluster_gone(cluster: Cluster) -> Diagnosis:
    return Diagnosis(
        "ClusterVanished",
        f"Nothing of {cluster} exists any more.",
        "Find out who removed it (events of the cluster: airflow dcluster clusters show), then run the task again.",
    )

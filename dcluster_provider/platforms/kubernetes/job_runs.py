"""Starting and stopping jobs: what is brought to a cluster for them, and the Kubernetes Jobs that run them."""

from __future__ import annotations

import base64
from io import BytesIO

from dcluster_provider.core.errors import PlatformRefused, PlatformUnavailable
from dcluster_provider.core.identity import flink_job_id
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines import flink, flink_rest, spark
from dcluster_provider.engines.flink_jar import run_jar_once
from dcluster_provider.platforms.kubernetes import driver_manifests, flink_client_manifests, flink_jobs
from dcluster_provider.platforms.kubernetes.api import KubernetesApi
from dcluster_provider.platforms.kubernetes.application_files import file_name, pieces
from dcluster_provider.platforms.kubernetes.cluster_manifests import master_rest
from dcluster_provider.platforms.kubernetes.cluster_objects import Manifest
from dcluster_provider.platforms.kubernetes.cpu_limits import CpuLimits
from dcluster_provider.platforms.kubernetes.external import job_policy
from dcluster_provider.platforms.kubernetes.flink_jobs import FlinkJobs
from dcluster_provider.platforms.kubernetes.job_objects import job_secret, part_names
from dcluster_provider.platforms.kubernetes.job_owner_objects import JobOwnerObjects
from dcluster_provider.platforms.kubernetes.metadata import Place, job_name
from dcluster_provider.platforms.kubernetes.owner_objects import OwnerObjects
from dcluster_provider.platforms.kubernetes.paths import collection
from dcluster_provider.platforms.kubernetes.pod_templates import PART
from dcluster_provider.platforms.kubernetes.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

_PARTS = "parts"  # of a job's Secret: how many parts its application travels in


class JobRuns:
    """The runs of one connection's jobs."""

    def __init__(
        self,
        settings: KubernetesSettings,
        api: KubernetesApi,
        roots: OwnerObjects,
        job_owner_objects: JobOwnerObjects,
        cpu_limits: CpuLimits,
    ) -> None:
        self._settings = settings
        self._api = api
        self._owner_objects = roots
        self._job_owner_objects = job_owner_objects
        self._cpu_limits = cpu_limits

    def stage(self, job: Job, cluster: Cluster) -> None:
        """Bring the job's settings and its application to the cluster, as Secrets.

        :raises PlatformRefused: they may not be made there.
        """
        namespace = self._settings.namespace_of(cluster.spec)
        try:
            if cluster.is_external:
                place = self._job_owner_objects.ensure(job, cluster)
            else:
                place = self._owner_objects.place(cluster, str(job))
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
            raise self._owner_objects.refused(refusal, str(job), cluster) from refusal

    def start(self, job: Job, cluster: Cluster) -> None:
        """Make the Kubernetes Job of the driver or client, or hand the jar to Flink.

        :raises PlatformRefused: it can never run so.
        :raises PlatformUnavailable: it cannot be started just now.
        """
        if not cluster.is_external:
            self._refuse_what_never_fits(job, cluster)
        namespace = self._settings.namespace_of(cluster.spec)
        try:
            place = self._place(job, cluster)
            staged = self._staged(job, namespace)
            parts = int(staged.get(_PARTS, b"0"))
            if cluster.spec.engine == "flink" and flink_jobs.is_jar(job):
                jar = self._parts(job, namespace, parts) if parts else staged[file_name(job.spec)]
                rest = master_rest(self._settings, self._api, cluster)
                run_jar_once(rest, cluster, job, BytesIO(jar), len(jar), keep=not cluster.is_external)
                return
            if cluster.is_external:
                policy = job_policy(self._settings, job, cluster, place)
                self._api.apply(collection("NetworkPolicy", namespace), policy)
            wanted = self._client_job(job, cluster, place, parts)
            self._api.ensure(collection("Job", namespace), wanted)
        except ApiRefused as refusal:
            raise self._owner_objects.refused(refusal, str(job), cluster) from refusal

    def stop(self, job: Job, cluster: Cluster) -> None:
        """Suspend the Kubernetes Job, which ends its pod; one that was not made yet is made suspended."""
        if cluster.spec.engine == "flink":
            self._cancel(job, cluster)
            if flink_jobs.is_jar(job):
                return
        self.suspend(job, cluster, {})

    def suspend(self, job: Job, cluster: Cluster, annotations: dict[str, str]) -> None:
        """Suspend the Kubernetes Job, or make it suspended, so that nobody can start it any more.

        :param annotations: to leave on it.
        """
        path = collection("Job", self._settings.namespace_of(cluster.spec))
        change = {"metadata": {"annotations": annotations}, "spec": {"suspend": True}}
        for _ in range(2):  # the second time when another process made it between the two
            try:
                self._api.merge(f"{path}/{job_name(job)}", change)
            except ApiRefused as refusal:
                if refusal.status != 404:
                    raise self._owner_objects.refused(refusal, str(job), cluster) from refusal
            else:
                return
            place = self._find_place(job, cluster)
            if place is None:
                return
            wanted = self._client_job(job, cluster, place)
            wanted["spec"]["suspend"] = True
            self._api.ensure(path, wanted)

    def _place(self, job: Job, cluster: Cluster) -> Place:
        if cluster.is_external:
            return self._job_owner_objects.place(job, cluster)
        return self._owner_objects.place(cluster, str(job))

    def _find_place(self, job: Job, cluster: Cluster) -> Place | None:
        if cluster.is_external:
            return self._job_owner_objects.find(job, cluster)
        found = self._owner_objects.find(cluster)
        return Place(self._settings.namespace_of(cluster.spec), found["metadata"]["uid"]) if found else None

    def _cancel(self, job: Job, cluster: Cluster) -> None:
        rest = master_rest(self._settings, self._api, cluster)
        known = FlinkJobs.ask(rest)
        ids = known.ids_of(job) if known else [flink_job_id(job.platform_key, job.generation)]
        for job_id in ids:
            flink_rest.cancel(rest, job_id)

    def _client_job(self, job: Job, cluster: Cluster, place: Place, parts: int = 0) -> Manifest:
        make = flink_client_manifests.client if cluster.spec.engine == "flink" else driver_manifests.driver
        return make(self._cpu_limits.settings_in(place.namespace), job, cluster, place, parts)

    def _job_files(self, job: Job, cluster: Cluster) -> dict[str, str]:
        if cluster.spec.engine != "flink":
            namespace = self._settings.namespace_of(cluster.spec)
            return driver_manifests.driver_files(self._cpu_limits.settings_in(namespace), job, cluster)
        if flink_jobs.is_jar(job):
            return {}
        return flink_client_manifests.client_files(self._settings, job, cluster)

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

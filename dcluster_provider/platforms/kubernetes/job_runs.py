"""Starting and stopping jobs: what is brought to a cluster for them, and the Kubernetes Jobs that run them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from dcluster_provider.core.addresses import ObjectStorage
from dcluster_provider.core.errors import PlatformRefused, PlatformUnavailable
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.fetched_files import fetch_files
from dcluster_provider.engines.rest import EngineRest
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import collection
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.cluster_access import master_rest
from dcluster_provider.platforms.kubernetes.cpu_limits import CpuLimits
from dcluster_provider.platforms.kubernetes.engine_table import pod_engine
from dcluster_provider.platforms.kubernetes.manifests.application_files import (
    LINK,
    LINKED,
    MAX_BYTES,
    file_name,
    parcel,
    pieces,
)
from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import (
    Manifest,
    job_policy,
    job_secret,
    part_names,
)
from dcluster_provider.platforms.kubernetes.manifests.dependencies import travelling
from dcluster_provider.platforms.kubernetes.manifests.metadata import Place, job_name
from dcluster_provider.platforms.kubernetes.manifests.pod_templates import PART
from dcluster_provider.platforms.kubernetes.owner_objects import JobOwnerObjects, OwnerObjects
from dcluster_provider.platforms.kubernetes.secret_files import SecretFiles
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

_ADDRESS = "parcel.address"  # of a job's Secret: where it is in the connection's staging folder
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
        *,
        secrets: SecretFiles,
        storage: ObjectStorage,
    ) -> None:
        self._settings = settings
        self._api = api
        self._owner_objects = roots
        self._job_owner_objects = job_owner_objects
        self._cpu_limits = cpu_limits
        self._secrets = secrets
        self._storage = storage

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
            settings = self._cpu_limits.settings_in(namespace)
            texts = pod_engine(cluster.spec).job_files(settings, job, cluster) | self._secrets.of(job.spec)
            files = {name: text.encode() for name, text in texts.items()}
            files |= self._bring(job, cluster, place)
            self._api.ensure(collection("Secret", namespace), job_secret(job, cluster, place, files))
        except ApiRefused as refusal:
            raise self._owner_objects.refused(refusal, str(job), cluster) from refusal

    def start(self, job: Job, cluster: Cluster) -> None:
        """Make the Kubernetes Job of the driver or client, or hand the jar to Flink.

        :raises PlatformRefused: it can never run so.
        :raises PlatformUnavailable: it cannot be started just now.
        """
        engine = pod_engine(cluster.spec)
        diagnosis = None if cluster.is_external else engine.never_fits(job, cluster)
        if diagnosis is not None:
            raise PlatformRefused(str(job), diagnosis)
        namespace = self._settings.namespace_of(cluster.spec)
        try:
            place = self._place(job, cluster)
            staged = self._staged(job, namespace)
            parts = int(staged.get(_PARTS, b"0"))
            if engine.hands_over(job):
                content = self._content(job, namespace, staged)
                engine.run_handed_over(self._rest(cluster), cluster, job, content)
                return
            if cluster.is_external:
                policy = job_policy(job, cluster, place, engine.client_ingress(self._settings))
                self._api.apply(collection("NetworkPolicy", namespace), policy)
            wanted = self._client_job(job, cluster, place, parts)
            self._api.ensure(collection("Job", namespace), wanted)
        except ApiRefused as refusal:
            raise self._owner_objects.refused(refusal, str(job), cluster) from refusal

    def stop(self, job: Job, cluster: Cluster) -> None:
        """Suspend the Kubernetes Job, which ends its pod; one that was not made yet is made suspended."""
        engine = pod_engine(cluster.spec)
        engine.cancel(self._rest(cluster), job)
        if not engine.hands_over(job):
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

    def _bring(self, job: Job, cluster: Cluster, place: Place) -> dict[str, bytes]:
        """Bring what travels with a job; what its Secret has to have for it, by the names of files."""
        with TemporaryDirectory() as folder:
            spec = fetch_files(job.spec, self._storage, Path(folder) / "fetched")
            file = parcel(spec, Path(folder))
            if file is None:
                return {}
            if self._settings.staging and file.stat().st_size > MAX_BYTES:
                shared = self._storage.share(file, self._settings.staging)
                told = {LINK: shared.link, _ADDRESS: shared.address, _PARTS: str(LINKED)}
                return {name: text.encode() for name, text in told.items()}
            content = pieces(file.read_bytes())
        if len(content) <= 1 and not travelling(job.spec):
            return {file_name(job.spec): content[0] if content else b""}
        for name, piece in zip(part_names(job, len(content)), content, strict=True):
            part = job_secret(job, cluster, place, {PART: piece}, name)
            self._api.ensure(collection("Secret", place.namespace), part)
        return {_PARTS: str(len(content)).encode()}

    def _place(self, job: Job, cluster: Cluster) -> Place:
        if cluster.is_external:
            return self._job_owner_objects.place(job, cluster)
        return self._owner_objects.place(cluster, str(job))

    def _find_place(self, job: Job, cluster: Cluster) -> Place | None:
        if cluster.is_external:
            return self._job_owner_objects.find(job, cluster)
        found = self._owner_objects.find(cluster)
        return Place(self._settings.namespace_of(cluster.spec), found["metadata"]["uid"]) if found else None

    def _rest(self, cluster: Cluster) -> EngineRest:
        return master_rest(self._settings, self._api, cluster)

    def _client_job(self, job: Job, cluster: Cluster, place: Place, parts: int = 0) -> Manifest:
        settings = self._cpu_limits.settings_in(place.namespace)
        return pod_engine(cluster.spec).client_manifest(settings, job, cluster, place, parts)

    def _staged(self, job: Job, namespace: str) -> dict[str, bytes]:
        """What was brought to the cluster for the job.

        :raises PlatformUnavailable: nothing yet: whoever submits it was cut short and has not come back.
        """
        stored = self._api.find(f"{collection('Secret', namespace)}/{job_name(job)}")
        if stored is None:
            raise PlatformUnavailable(f"{job}: its application has not been brought to the cluster yet")
        return {name: base64.b64decode(content) for name, content in (stored.get("data") or {}).items()}

    def _content(self, job: Job, namespace: str, staged: Mapping[str, bytes]) -> bytes:
        """What was brought to the cluster for a job that this process hands over."""
        parts = int(staged.get(_PARTS, b"0"))
        if parts == LINKED:
            with TemporaryDirectory() as folder:
                self._storage.fetch(staged[_ADDRESS].decode(), Path(folder) / "parcel")
                return (Path(folder) / "parcel").read_bytes()
        if not parts:
            return staged[file_name(job.spec)]
        path = collection("Secret", namespace)
        stored = (self._api.get(f"{path}/{name}") for name in part_names(job, parts))
        return b"".join(base64.b64decode(each["data"][PART]) for each in stored)

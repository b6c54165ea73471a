"""Flink in pods: a session cluster, and clients that submit to it."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.identity import flink_job_id
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.kubernetes_pods import PodRole
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.base import NO_SETTINGS
from dcluster_provider.engines.flink import rest as flink_rest
from dcluster_provider.engines.flink.conf import never_fits
from dcluster_provider.engines.flink.dependencies import join_jars
from dcluster_provider.engines.flink.jobs import FlinkJobs, run_jar_once
from dcluster_provider.engines.flink.storage import PLUGIN
from dcluster_provider.engines.rest import EngineRest
from dcluster_provider.platforms.kubernetes.api.client import Json, KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import collection
from dcluster_provider.platforms.kubernetes.flink import clients, manifests
from dcluster_provider.platforms.kubernetes.flink.job_observer import FlinkJobObserver
from dcluster_provider.platforms.kubernetes.flink.jobs import is_jar, submitted_ids
from dcluster_provider.platforms.kubernetes.flink.manifests import job_savepoint_folder
from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import Manifest
from dcluster_provider.platforms.kubernetes.manifests.dependencies import travelling, unbundled
from dcluster_provider.platforms.kubernetes.manifests.metadata import Place
from dcluster_provider.platforms.kubernetes.pod_engine import JobSources
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings


class FlinkPods:
    """See :class:`~dcluster_provider.platforms.kubernetes.pod_engine.PodEngine` for the methods."""

    client_title = "The client"
    rest_port = manifests.REST_PORT
    fixed_cluster_settings: Mapping[str, str] = manifests.PORT_SETTINGS
    s3_jars = f"{manifests.FLINK_HOME}/opt/{PLUGIN}-*.jar {manifests.FLINK_HOME}/plugins/*/{PLUGIN}-*.jar"
    without_s3 = "it has no file system for S3, so clusters of it read none"

    def fixed_job_settings(self, spec: JobSpec) -> Mapping[str, str]:  # noqa: ARG002
        """None: what a client submits has the settings of its cluster."""
        return NO_SETTINGS

    def check_arguments(self, spec: JobSpec) -> None:
        """Nothing: Flink's images keep them."""

    def master_url(self, host: str) -> str:
        """The address of the JobManager's REST interface."""
        return f"http://{host}:{self.rest_port}"

    def cluster_files(self, settings: KubernetesSettings, cluster: Cluster) -> dict[str, str]:
        """Flink's configuration, which may hold passwords."""
        return manifests.cluster_files(settings, cluster)

    def cluster_manifests(
        self, settings: KubernetesSettings, cluster: Cluster, place: Place
    ) -> list[Manifest]:
        """The JobManager and the TaskManagers."""
        return manifests.session(settings, cluster, place)

    def job_pods(self, settings: KubernetesSettings, cluster: Cluster) -> dict[PodRole, Json]:
        """The client, also for a jar that turns out to need none."""
        return clients.pods_of_job(settings, cluster)

    def hands_over(self, job: Job) -> bool:
        """A jar is, unless it is in the image."""
        return is_jar(job)

    def run_handed_over(self, rest: EngineRest, cluster: Cluster, job: Job, application: bytes) -> None:
        """Run a jar under an id that is the job's alone."""
        keep, jar = not cluster.is_external, BytesIO(application)
        if travelling(job.spec):
            own, *libraries = (BytesIO(file) for file in unbundled(application))
            jar = BytesIO()
            join_jars(jar, own, libraries)
        run_jar_once(rest, cluster, job, jar, jar.getbuffer().nbytes, keep=keep)

    def never_fits(self, job: Job, cluster: Cluster) -> Diagnosis | None:
        """Why the cluster has too few slots for the job."""
        return never_fits(cluster, job)

    def job_files(self, settings: KubernetesSettings, job: Job, cluster: Cluster) -> dict[str, str]:
        """The client's configuration; a jar that is handed over has none."""
        return {} if is_jar(job) else clients.client_files(settings, job, cluster)

    def client_manifest(
        self, settings: KubernetesSettings, job: Job, cluster: Cluster, place: Place, parts: int
    ) -> Manifest:
        """The client."""
        return clients.client(settings, job, cluster, place, parts)

    def client_ingress(self, settings: KubernetesSettings) -> list[dict[str, Any]]:  # noqa: ARG002
        """Nobody reaches a client."""
        return []

    def cancel(self, rest: EngineRest, job: Job) -> None:
        """Cancel the Flink jobs of the job, or the one of its id while the JobManager does not tell of them."""
        known = FlinkJobs.poll(rest)
        own = [flink_job_id(job.platform_key, job.generation)]
        for job_id in submitted_ids(known, job) if known else own:
            flink_rest.cancel(rest, job_id)

    def savepoint_folder(self, settings: KubernetesSettings, job: Job, cluster: Cluster) -> str:
        """The connection's flink_storage, unless a setting names one."""
        return job_savepoint_folder(settings, job, cluster)

    def failure_text(self, rest: EngineRest, job: Job) -> str:
        """The stack trace that the JobManager keeps."""
        return flink_rest.root_exception(rest, flink_job_id(job.platform_key, job.generation))

    def jobs(self, sources: JobSources) -> FlinkJobObserver:
        """Jobs as their JobManagers and their clients report them."""
        return FlinkJobObserver(sources)

    def clean_up(self, settings: KubernetesSettings, api: KubernetesApi, cluster: Cluster) -> None:
        """Remove the ConfigMaps in which a highly available JobManager keeps its leaders."""
        if settings.flink_ha:
            remove_leaders(api, settings.namespace_of(cluster.spec), cluster.name)


def remove_leaders(api: KubernetesApi, namespace: str, cluster_name: str) -> None:
    """Remove what is left of a cluster's leaders; its JobManager has to have gone, or would make them again."""
    path = collection("ConfigMap", namespace)
    found, _ = api.list(path, {"labelSelector": f"app={cluster_name},type=flink-native-kubernetes"})
    for each in found:
        api.delete(f"{path}/{each['metadata']['name']}")

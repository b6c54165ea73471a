"""What an engine has to do to run in pods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.kubernetes_pods import PodRole
from dcluster_provider.core.observation import JobObservation
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.rest import EngineRest
from dcluster_provider.platforms.kubernetes.api.client import Json, KubernetesApi
from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import Manifest
from dcluster_provider.platforms.kubernetes.manifests.metadata import Place
from dcluster_provider.platforms.kubernetes.observations import ClientPod
from dcluster_provider.platforms.kubernetes.pods.pod import Pod
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings


@dataclass(frozen=True)
class JobSources:
    """Where what is known of jobs comes from.

    :param rest_of: the HTTP interface of a cluster's master.
    :param page_of: the address of its page.
    :param client_of: the pod of a job's driver or client, among those of its cluster.
    """

    settings: KubernetesSettings
    rest_of: Callable[[Cluster], EngineRest]
    page_of: Callable[[Cluster], str]
    client_of: Callable[[Job, Cluster, Sequence[Pod]], ClientPod]


class EngineJobs(Protocol):
    """The jobs of one connection on clusters of one engine."""

    def observe(
        self, jobs: Sequence[Job], cluster: Cluster, pods: Sequence[Pod]
    ) -> dict[int, JobObservation]:
        """Jobs of one cluster as they are, by id; those that cannot be judged just now are left out.

        :param pods: of the cluster.
        """


class PodEngine(Protocol):
    """An engine in pods.

    :param client_title: a job's own process, in words that begin a sentence.
    :param rest_port: of its master's HTTP interface.
    :param fixed_cluster_settings: settings of clusters that are the same in every pod, by name.
    :param s3_jars: patterns of bash for the jar by which it reads S3, wherever its images have it.
    :param without_s3: what an image without that jar means.
    """

    client_title: str
    rest_port: int
    fixed_cluster_settings: Mapping[str, str]
    s3_jars: str
    without_s3: str

    def fixed_job_settings(self, spec: JobSpec) -> Mapping[str, str]:
        """Settings of jobs that are the same in every pod, by name."""

    def check_arguments(self, spec: JobSpec) -> None:
        """Reject arguments that do not arrive in the engine's pods as they are given.

        :raises InvalidSpec: naming the argument.
        """

    def master_url(self, host: str) -> str:
        """The address of a cluster's master.

        :param host: the name of its Service.
        """

    def cluster_files(self, settings: KubernetesSettings, cluster: Cluster) -> dict[str, str]:
        """The files of a cluster's Secret; with a new shared secret where there is one."""

    def cluster_manifests(
        self, settings: KubernetesSettings, cluster: Cluster, place: Place
    ) -> list[Manifest]:
        """Everything of a cluster but its root and its Secret, in the order it is made in."""

    def job_pods(self, settings: KubernetesSettings, cluster: Cluster) -> dict[PodRole, Json]:
        """Templates of the pods that the one job of a cluster adds to those of the cluster, by role."""

    def hands_over(self, job: Job) -> bool:
        """Whether the application is handed to the master instead of run in a pod of its own."""

    def run_handed_over(self, rest: EngineRest, cluster: Cluster, job: Job, application: bytes) -> None:
        """Have the master run an application, once however often this is called.

        :raises PlatformRefused: it can never run so.
        :raises PlatformUnavailable: the master does not answer.
        """

    def never_fits(self, job: Job, cluster: Cluster) -> Diagnosis | None:
        """Why the cluster can never run the job; none when it can."""

    def job_files(self, settings: KubernetesSettings, job: Job, cluster: Cluster) -> dict[str, str]:
        """The files of a job's Secret but its application."""

    def client_manifest(
        self, settings: KubernetesSettings, job: Job, cluster: Cluster, place: Place, parts: int
    ) -> Manifest:
        """The Kubernetes Job of a job's driver or client.

        :param parts: that its application travels in; 0 when it travels with the settings or not at all.
        """

    def client_ingress(self, settings: KubernetesSettings) -> list[dict[str, Any]]:
        """Who reaches a driver or client that runs on a cluster of somebody else, as rules of a NetworkPolicy."""

    def cancel(self, rest: EngineRest, job: Job) -> None:
        """Begin to cancel what the master runs of a job; nothing when its pod is all there is of it."""

    def savepoint_folder(self, settings: KubernetesSettings, job: Job, cluster: Cluster) -> str:
        """The folder that savepoints of a job go to; empty when no setting names one.

        :raises InvalidSpec: a setting names one that cannot be, or none does and somebody else runs the cluster.
        """

    def failure_text(self, rest: EngineRest, job: Job) -> str:
        """What an application that was handed over failed with."""

    def jobs(self, sources: JobSources) -> EngineJobs:
        """The jobs of one connection."""

    def clean_up(self, settings: KubernetesSettings, api: KubernetesApi, cluster: Cluster) -> None:
        """Remove what the engine itself made and nothing owns, once its cluster is gone."""

"""Spark in pods: a standalone cluster, or a driver that makes its executors itself."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.kubernetes_pods import PodRole
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.rest import EngineRest
from dcluster_provider.engines.spark.conf import Worker, never_fits
from dcluster_provider.engines.spark.storage import FILE_SYSTEM_JAR
from dcluster_provider.platforms.kubernetes.api.client import Json, KubernetesApi
from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import Manifest
from dcluster_provider.platforms.kubernetes.manifests.metadata import Place
from dcluster_provider.platforms.kubernetes.pod_engine import JobSources
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings, listed
from dcluster_provider.platforms.kubernetes.spark import drivers, manifests
from dcluster_provider.platforms.kubernetes.spark.drivers import DRIVER_PORT_SETTINGS, DRIVER_PORTS
from dcluster_provider.platforms.kubernetes.spark.job_observer import SparkJobObserver

_ON_OURS = manifests.PORT_SETTINGS | {"spark.network.crypto.enabled": "true"}
_OF_DRIVERS = {
    "spark.driver.host": "the address of the driver's pod",
    "spark.ui.port": str(manifests.DRIVER_UI_PORT),  # no other one is reached from outside
}


class SparkPods:
    """See :class:`~dcluster_provider.platforms.kubernetes.pod_engine.PodEngine` for the methods."""

    client_title = "The driver"
    rest_port = manifests.UI_PORT
    fixed_cluster_settings: Mapping[str, str] = _ON_OURS | _OF_DRIVERS
    s3_jars = f"{manifests.SPARK_HOME}/jars/{FILE_SYSTEM_JAR}"
    without_s3 = "it has no file system for S3, which drivers with storageConnId fetch"

    def fixed_job_settings(self, spec: JobSpec) -> Mapping[str, str]:
        """Where a driver is reached, and on clusters of ours what their processes are reached by."""
        return _OF_DRIVERS | (DRIVER_PORT_SETTINGS if spec.use_external_cluster else _ON_OURS)

    def check_arguments(self, spec: JobSpec) -> None:
        """Reject a carriage return, which the start script of Spark's images takes out."""
        for number, argument in enumerate(spec.args):
            if "\r" in argument:
                raise InvalidSpec(
                    f"field args.{number}: has a carriage return in it, which the start script of Spark's images takes "
                    "out; end lines by a line feed alone, or put the text into a file that the application reads"
                )

    def master_url(self, host: str) -> str:
        """The address that drivers connect to."""
        return f"spark://{host}:{manifests.MASTER_PORT}"

    def cluster_files(self, settings: KubernetesSettings, cluster: Cluster) -> dict[str, str]:
        """The settings of masters and workers, and the secret that they know each other by."""
        if settings.makes_own_executors(cluster.spec):
            return manifests.own_executor_files(secrets.token_hex(32))
        return manifests.cluster_files(cluster, secrets.token_hex(32))

    def cluster_manifests(
        self, settings: KubernetesSettings, cluster: Cluster, place: Place
    ) -> list[Manifest]:
        """Master and workers, or what a driver has around it."""
        if settings.makes_own_executors(cluster.spec):
            return manifests.around_driver(settings, cluster, place)
        return manifests.standalone(settings, cluster, place)

    def job_pods(self, settings: KubernetesSettings, cluster: Cluster) -> dict[PodRole, Json]:
        """The driver, and the executors that it makes itself."""
        return drivers.pods_of_job(settings, cluster)

    def hands_over(self, job: Job) -> bool:  # noqa: ARG002
        """Never: each job has a driver."""
        return False

    def run_handed_over(self, rest: EngineRest, cluster: Cluster, job: Job, application: bytes) -> None:
        """Nothing is handed over."""
        raise NotImplementedError

    def never_fits(self, job: Job, cluster: Cluster) -> Diagnosis | None:
        """Why no worker could ever hold one of the job's executors."""
        return never_fits(drivers.driver_settings(job, cluster), Worker.of(cluster.spec))

    def job_files(self, settings: KubernetesSettings, job: Job, cluster: Cluster) -> dict[str, str]:
        """The driver's settings, and the template of the executors that it makes itself."""
        return drivers.driver_files(settings, job, cluster)

    def client_manifest(
        self, settings: KubernetesSettings, job: Job, cluster: Cluster, place: Place, parts: int
    ) -> Manifest:
        """The driver."""
        return drivers.driver(settings, job, cluster, place, parts)

    def client_ingress(self, settings: KubernetesSettings) -> list[dict[str, Any]]:
        """Executors, wherever they are, and those who may read the driver's page."""
        page: dict[str, Any] = {"ports": [{"protocol": "TCP", "port": manifests.DRIVER_UI_PORT}]}
        if settings.rest_from:
            page["from"] = [{"ipBlock": {"cidr": cidr}} for cidr in listed(settings.rest_from)]
        return [{"ports": [{"protocol": "TCP", "port": port} for port in DRIVER_PORTS.values()]}, page]

    def cancel(self, rest: EngineRest, job: Job) -> None:
        """Nothing: an application ends with its driver."""

    def savepoint_folder(self, settings: KubernetesSettings, job: Job, cluster: Cluster) -> str:  # noqa: ARG002
        """None: Spark has no savepoints."""
        return ""

    def failure_text(self, rest: EngineRest, job: Job) -> str:  # noqa: ARG002
        """Nothing is handed over."""
        return ""

    def jobs(self, sources: JobSources) -> SparkJobObserver:
        """Jobs as their drivers and their masters report them."""
        return SparkJobObserver(sources)

    def clean_up(self, settings: KubernetesSettings, api: KubernetesApi, cluster: Cluster) -> None:
        """Nothing: everything has an owner."""

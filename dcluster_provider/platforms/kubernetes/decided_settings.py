"""Settings of the engines that are the same in every pod, so that services, probes and policies find what they mean."""

from __future__ import annotations

from dcluster_provider.core.spec import ClusterSpec, JobSpec
from dcluster_provider.platforms.kubernetes import flink_manifests, spark_manifests
from dcluster_provider.platforms.kubernetes.external import DRIVER_PORT_SETTINGS

_FLINK = flink_manifests.PORT_SETTINGS
_SPARK = spark_manifests.PORT_SETTINGS | {"spark.network.crypto.enabled": "true"}
_DRIVER = {
    "spark.driver.host": "the address of the driver's pod",
    "spark.ui.port": str(spark_manifests.DRIVER_UI_PORT),  # no other one is reached from outside
}


def decided_of_cluster(spec: ClusterSpec) -> dict[str, str]:
    """What settings of a cluster are, whatever ``extraConfigs`` says, by name."""
    return _FLINK if spec.engine == "flink" else _SPARK | _DRIVER


def decided_of_job(spec: JobSpec) -> dict[str, str]:
    """What settings of a job are, whatever ``extraCmd`` says, by name."""
    if spec.engine == "flink":
        return {}
    return _DRIVER | (DRIVER_PORT_SETTINGS if spec.use_external_cluster else _SPARK)

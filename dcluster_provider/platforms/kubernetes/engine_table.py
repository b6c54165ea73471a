"""The engines that run in pods, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.platforms.kubernetes.flink.pods import FlinkPods
from dcluster_provider.platforms.kubernetes.pod_engine import PodEngine
from dcluster_provider.platforms.kubernetes.spark.pods import SparkPods

POD_ENGINES: Mapping[str, PodEngine] = MappingProxyType({"spark": SparkPods(), "flink": FlinkPods()})


def pod_engine(spec: ClusterSpec | JobSpec) -> PodEngine:
    """The engine of a cluster or job."""
    return POD_ENGINES[spec.engine]

"""The engines, by their names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.base import Engine
from dcluster_provider.engines.flink.engine import FlinkEngine
from dcluster_provider.engines.spark.engine import SparkEngine

_ENGINES: Mapping[str, Engine] = MappingProxyType({"spark": SparkEngine(), "flink": FlinkEngine()})


def engine_of(spec: ClusterSpec | JobSpec) -> Engine:
    """The engine of a cluster or job."""
    return _ENGINES[spec.engine]

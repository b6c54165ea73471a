"""The engines and their releases, by the engine's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from dcluster_provider.core.spec import ClusterSpec, JobSpec
from dcluster_provider.engines.base import Engine, EngineRelease
from dcluster_provider.engines.flink.engine import FlinkEngine
from dcluster_provider.engines.flink.release import FLINK_RELEASES
from dcluster_provider.engines.spark.engine import SparkEngine
from dcluster_provider.engines.spark.release import SPARK_RELEASES

_ENGINES: Mapping[str, Engine] = MappingProxyType({"spark": SparkEngine(), "flink": FlinkEngine()})
RELEASES: Mapping[str, Sequence[EngineRelease]] = MappingProxyType({
    "spark": SPARK_RELEASES,
    "flink": FLINK_RELEASES,
})  # fmt: skip


def engine_of(spec: ClusterSpec | JobSpec) -> Engine:
    """The engine of a cluster or job."""
    return _ENGINES[spec.engine]


def find_release(engine: str, version: str) -> EngineRelease | None:
    """The release that a version is of; none when it is none that is known."""
    return next((release for release in RELEASES[engine] if release.is_of(version)), None)

"""The releases of Flink that are known."""

from __future__ import annotations

from dcluster_provider.engines.base import EngineRelease

FLINK_RELEASES = (
    EngineRelease(
        engine="flink",
        series="2.3",
        tested="2.3.0",
        package="apache-flink",
        module="pyflink",
        pythons=((3, 9), (3, 12)),
    ),
)

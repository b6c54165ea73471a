"""The releases of Spark that are known."""

from __future__ import annotations

from dcluster_provider.engines.base import EngineRelease

SPARK_RELEASES = (
    EngineRelease(
        engine="spark",
        series="3.5",
        tested="3.5.9",
        package="pyspark",
        module="pyspark",
        pythons=((3, 8), (3, 13)),
        # It imports distutils, which Python has no more and setuptools stands in for.
        requirements_since=(((3, 12), "setuptools<81"),),
    ),
)

"""The releases of Spark that are known, the oldest first."""

from __future__ import annotations

from dcluster_provider.engines.base import EngineRelease, PythonVersion


def _spark4(series: str, tested: str, pythons: tuple[PythonVersion, PythonVersion]) -> EngineRelease:
    return EngineRelease(
        engine="spark",
        types=("spark4",),
        series=series,
        tested=tested,
        package="pyspark",
        module="pyspark",
        pythons=pythons,
        java_modules=("jdk.incubator.vector",),  # without it, its executors do not start
    )


SPARK_RELEASES = (
    EngineRelease(
        engine="spark",
        types=("spark", "spark3"),
        series="3.5",
        tested="3.5.9",
        package="pyspark",
        module="pyspark",
        pythons=((3, 8), (3, 13)),
        # It imports distutils, which Python has no more and setuptools stands in for.
        requirements_since=(((3, 12), "setuptools<81"),),
    ),
    _spark4("4.0", "4.0.5", ((3, 9), (3, 13))),
    _spark4("4.1", "4.1.4", ((3, 10), (3, 13))),
    _spark4("4.2", "4.2.1", ((3, 10), (3, 13))),
    _spark4("4.3", "4.3.0", ((3, 11), (3, 13))),
)

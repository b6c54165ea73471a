"""The releases of Spark that are known, the oldest first."""

from __future__ import annotations

from functools import partial

from dcluster_provider.engines.base import EngineRelease
from dcluster_provider.engines.spark.storage import file_system_packages

_release = partial(EngineRelease, engine="spark", package="pyspark", module="pyspark")
# Without the module, the executors of Spark 4 do not start.
_release4 = partial(_release, types=("spark4",), java_modules=("jdk.incubator.vector",))

SPARK_RELEASES = (
    _release(
        types=("spark", "spark3"),
        series="3.5",
        tested="3.5.9",
        pythons=((3, 8), (3, 13)),
        # It imports distutils, which Python has no more and setuptools stands in for.
        requirements_since=(((3, 12), "setuptools<81"),),
        s3_packages=file_system_packages("3.3.4", "1.12.262"),
    ),
    _release4(
        series="4.0",
        tested="4.0.5",
        pythons=((3, 9), (3, 13)),
        s3_packages=file_system_packages("3.4.1", "2.24.6"),
    ),
    _release4(
        series="4.1",
        tested="4.1.4",
        pythons=((3, 10), (3, 13)),
        s3_packages=file_system_packages("3.4.2", "2.29.52"),
    ),
    _release4(
        series="4.2",
        tested="4.2.1",
        pythons=((3, 10), (3, 13)),
        s3_packages=file_system_packages("3.5.0", "2.35.4"),
    ),
    _release4(
        series="4.3",
        tested="4.3.0",
        pythons=((3, 11), (3, 13)),
        s3_packages=file_system_packages("3.5.0", "2.35.4"),
    ),
)

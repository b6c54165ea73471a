"""The releases of Spark that are known, the oldest first."""

from __future__ import annotations

from functools import partial

from dcluster_provider.engines.base import EngineRelease

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
    ),
    _release4(series="4.0", tested="4.0.5", pythons=((3, 9), (3, 13))),
    _release4(series="4.1", tested="4.1.4", pythons=((3, 10), (3, 13))),
    _release4(series="4.2", tested="4.2.1", pythons=((3, 10), (3, 13))),
    _release4(series="4.3", tested="4.3.0", pythons=((3, 11), (3, 13))),
)

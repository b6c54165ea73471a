"""The releases of Flink that are known, the oldest first."""

from __future__ import annotations

from functools import partial

from dcluster_provider.engines.base import EngineRelease
from dcluster_provider.engines.flink.storage import PLUGIN

# The plug-in of any patch fits the others.
_S3 = f"org.apache.flink:{PLUGIN}"
_release = partial(
    EngineRelease,
    engine="flink",
    types=("flink",),
    package="apache-flink",
    module="pyflink",
    repeats_job_ids=True,
)

FLINK_RELEASES = (
    _release(series="1.20", tested="1.20.5", pythons=((3, 8), (3, 11)), s3_packages=(f"{_S3}:1.20.1",)),
    _release(series="2.0", tested="2.0.2", pythons=((3, 8), (3, 11)), s3_packages=(f"{_S3}:2.0.0",)),
    _release(series="2.1", tested="2.1.3", pythons=((3, 9), (3, 12)), s3_packages=(f"{_S3}:2.1.1",)),
    _release(series="2.2", tested="2.2.1", pythons=((3, 9), (3, 12)), s3_packages=(f"{_S3}:2.2.0",)),
    _release(
        series="2.3",
        tested="2.3.0",
        pythons=((3, 9), (3, 12)),
        repeats_job_ids=False,
        s3_packages=(f"{_S3}:2.3.0",),
    ),
)

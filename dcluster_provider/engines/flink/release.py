"""The releases of Flink that are known, the oldest first."""

from __future__ import annotations

from dcluster_provider.engines.base import EngineRelease, PythonVersion


def _flink(
    series: str, tested: str, pythons: tuple[PythonVersion, PythonVersion], *, repeats_job_ids: bool = True
) -> EngineRelease:
    return EngineRelease(
        engine="flink",
        types=("flink",),
        series=series,
        tested=tested,
        package="apache-flink",
        module="pyflink",
        pythons=pythons,
        repeats_job_ids=repeats_job_ids,
    )


FLINK_RELEASES = (
    _flink("1.20", "1.20.5", ((3, 8), (3, 11))),
    _flink("2.0", "2.0.2", ((3, 8), (3, 11))),
    _flink("2.1", "2.1.3", ((3, 9), (3, 12))),
    _flink("2.2", "2.2.1", ((3, 9), (3, 12))),
    _flink("2.3", "2.3.0", ((3, 9), (3, 12)), repeats_job_ids=False),
)

"""What tells Spark and Flink apart in specifications, states and errors; what they do is in ``engines``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from dcluster_provider.core.sql_statements import FLINK_SQL, SPARK_SQL, SqlDialect


@dataclass(frozen=True)
class EngineTraits:
    """An engine, as far as whoever does not run it has to know.

    :param name: as labels, metrics and the registry have it.
    :param title: the name in a sentence.
    :param master_scheme: of the address that drivers connect to; empty when an engine is reached by REST alone.
    :param application_kinds: the suffixes of the files that it runs.
    :param sql: how it reads SQL.
    :param fetches_applications: reads applications from addresses (``s3a://``, ``https://``) by itself.
    :param has_drivers: each job has a process of its own that can outlive its application.
    :param has_savepoints: a job can be stopped with a savepoint and started from one.
    :param jobs_end_alone: a job may have finished although nobody can be asked any more, as nothing of it runs
        outside its cluster.
    :param is_streaming: its jobs normally have no end of their own.
    :param dependencies: the fields of a job that name what it brings beside its application.
    :param reports_lineage: its jobs report their own lineage when OpenLineage's settings are among theirs.
    """

    name: str
    title: str
    master_scheme: str
    application_kinds: tuple[str, ...]
    sql: SqlDialect
    fetches_applications: bool
    has_drivers: bool
    has_savepoints: bool
    jobs_end_alone: bool
    is_streaming: bool
    reports_lineage: bool
    dependencies: tuple[str, ...]


_SPARK = EngineTraits(
    name="spark",
    title="Spark",
    master_scheme="spark",
    application_kinds=("py", "jar", "sql"),
    sql=SPARK_SQL,
    fetches_applications=True,
    has_drivers=True,
    has_savepoints=False,
    jobs_end_alone=False,
    is_streaming=False,
    reports_lineage=True,
    dependencies=(
        "py_files",
        "jars",
        "files",
        "archives",
        "packages",
        "repositories",
        "exclude_packages",
        "requirements",
    ),
)
_FLINK = EngineTraits(
    name="flink",
    title="Flink",
    master_scheme="",
    application_kinds=("py", "jar", "sql"),
    sql=FLINK_SQL,
    fetches_applications=False,
    has_drivers=False,
    has_savepoints=True,
    jobs_end_alone=True,
    is_streaming=True,
    reports_lineage=False,
    dependencies=("py_files", "jars", "archives", "requirements"),
)

ClusterType = Literal["spark", "spark3", "spark4", "flink"]
# The engine behind each type of cluster and job.
TYPES: Mapping[str, EngineTraits] = MappingProxyType({
    "spark": _SPARK,
    "spark3": _SPARK,
    "spark4": _SPARK,
    "flink": _FLINK,
})  # fmt: skip
ENGINES: Mapping[str, EngineTraits] = MappingProxyType({traits.name: traits for traits in TYPES.values()})


def types_of(engine: str) -> tuple[str, ...]:
    """The types of clusters and jobs that an engine is behind."""
    return tuple(name for name in get_args(ClusterType) if TYPES[name].name == engine)

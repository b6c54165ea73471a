"""A job's application: its file on this machine or where else the engine finds it, and what it is told of its job."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from dcluster_provider.core.addresses import Reader, path_at, reader_of
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.core.sql_statements import split_statements

_CAPITAL = re.compile(r"([A-Z])")


def application_reader(spec: JobSpec) -> Reader:
    """Who reads the application."""
    return reader_of(spec.application, by_spark=spec.traits.fetches_applications)


def is_found_by_job(spec: JobSpec) -> bool:
    """Whether the application is where the job runs, or read from there, so that nobody brings it."""
    return application_reader(spec) in (Reader.IMAGE, Reader.ENGINE)


def local_path(spec: JobSpec) -> Path:
    """The application's file, absolute."""
    return path_at(spec.application)


def check_file(spec: JobSpec, elsewhere: str = "") -> Path:
    """Refuse an application that is not a readable file of this machine; return its path.

    :param elsewhere: where else it might have been, for the message.
    :raises InvalidSpec: naming the field.
    """
    path = local_path(spec)
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "missing"
        hint = "; a template of Airflow is named in sql" if path.suffix.lower() == ".sql" else ""
        raise InvalidSpec(
            f"field application: {path} is {kind}; it has to be a file on this machine{elsewhere}{hint}"
        )
    if path.suffix.lower() == ".jar":
        _check_jar(path, spec)
    if path.suffix.lower() == ".sql":
        _check_sql(path, spec)
    return path


def _check_jar(path: Path, spec: JobSpec) -> None:
    try:
        with zipfile.ZipFile(path) as jar:
            manifest = jar.read("META-INF/MANIFEST.MF").decode(errors="replace")
    except KeyError:
        manifest = ""
    except (zipfile.BadZipFile, OSError) as error:
        raise InvalidSpec(f"field application: {path} is not a jar that can be read: {error}") from None
    if not spec.main_class and not re.search(r"^(Main-Class|program-class):", manifest, re.MULTILINE):
        raise InvalidSpec(f"field mainClass: is empty, and {path} names no class to run")


def _check_sql(path: Path, spec: JobSpec) -> None:
    try:
        statements = split_statements(path.read_text(encoding="utf-8"), spec.traits.sql)
    except (OSError, ValueError) as error:  # text of another encoding is a ValueError, too
        raise InvalidSpec(f"field application: {path} is no SQL that can be read: {error}") from None
    if not statements:
        raise InvalidSpec(f"field application: {path} has no statement in it")


def handed_over(job: Job, cluster: Cluster) -> dict[str, str]:
    """What an application is told, by the API's names; an empty value is told as such."""
    spec = job.spec
    return {
        "client": spec.client,
        "module": spec.module,
        "jobId": str(job.id),
        "clusterId": str(cluster.id),
        "clusterName": cluster.name,
        "pipelineVersion": spec.pipeline_version,
        "pipelineConfig": spec.pipeline_config,
        "codeVersion": spec.code_version,
        "moduleType": spec.module_type,
    }


def handed_environment(job: Job, cluster: Cluster) -> dict[str, str]:
    """The same as environment variables: ``DCLUSTER_JOB_ID`` for ``jobId``."""
    handed = handed_over(job, cluster)
    return {_CAPITAL.sub(r"_\1", f"dcluster_{name}").upper(): value for name, value in handed.items()}

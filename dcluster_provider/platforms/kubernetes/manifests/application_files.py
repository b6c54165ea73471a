"""A job's application on its way into a pod."""

from __future__ import annotations

import re
from socket import gethostname

from dcluster_provider.core.addresses import ObjectStorage, Reader
from dcluster_provider.core.errors import InvalidSpec, PlatformUnavailable
from dcluster_provider.core.spec import JobSpec
from dcluster_provider.engines.application import application_reader, check_file, is_found_by_job, local_path
from dcluster_provider.engines.fetched_files import find_files
from dcluster_provider.engines.sql_program import SQL_FILE, SQL_PROGRAM
from dcluster_provider.platforms.kubernetes.manifests.dependencies import (
    REQUIREMENTS,
    bundle,
    check_travelling,
    install_requirements,
    travelling,
)
from dcluster_provider.platforms.kubernetes.manifests.pod_templates import SCRATCH

FOLDER, PARTS_FOLDER = "/etc/dcluster/job", "/etc/dcluster/parts"
PART_BYTES = 900 * 1024  # a Kubernetes object holds 1 MiB
MAX_BYTES = 16 * 1024 * 1024
SPARK_SETTINGS, FLINK_SETTINGS, EXECUTOR_POD = "spark.properties", "config.yaml", "executor.json"
_OURS = {SPARK_SETTINGS, FLINK_SETTINGS, EXECUTOR_POD, "log4j-cli.properties", REQUIREMENTS, SQL_PROGRAM}


def check_application(spec: JobSpec, storage: ObjectStorage) -> None:
    """Refuse a job whose application cannot get into a pod.

    :raises InvalidSpec: naming the field and what can be done.
    :raises PlatformRefused: Airflow may not read a file that is in object storage, or lacks what it takes.
    """
    if not spec.application and spec.sql is None:
        raise InvalidSpec("field application: is empty; name the .py, .jar or .sql file to run, or write sql")
    found = find_files(spec, storage)
    check_travelling(spec, found, MAX_BYTES)
    if spec.sql is not None or is_found_by_job(spec):
        return
    if application_reader(spec) is Reader.AIRFLOW:
        size = found[spec.application].size
    else:
        size = (
            check_file(spec, ", in the image (local:///opt/app/job.py), or at an address (s3://)")
            .stat()
            .st_size
        )
    if size > MAX_BYTES:
        name = local_path(spec).name
        raise InvalidSpec(
            f"field application: {spec.application} has {size // 2**20} MiB, and a file that travels with the job at "
            f"most {MAX_BYTES // 2**20}; put it into the image (local:///opt/app/{name}) or where the engine itself "
            f"reads it from (s3a://bucket/{name}, https://...)"
        )


def path_in_pod(spec: JobSpec, parts: int) -> str:
    """What the engine is given as the application: a path in the pod, or the address as it is.

    :param parts: that a file travels in which is too large for one object; 0 when it travels with the settings.
    """
    if not is_found_by_job(spec):
        return f"{SCRATCH if parts else FOLDER}/{file_name(spec)}"
    return spec.application if spec.traits.fetches_applications else spec.application.removeprefix("local://")


def pieces(spec: JobSpec) -> list[bytes]:
    """The application's file in pieces that fit into an object each; none when the pod finds it by itself.

    :param spec: with paths of this machine for what Airflow reads.
    :raises PlatformUnavailable: it cannot be read on this machine, though it can be on another, perhaps.
    """
    try:
        content = b"" if is_found_by_job(spec) else _content(spec)
        if travelling(spec):
            content = bundle(spec, None if is_found_by_job(spec) else (file_name(spec), content))
    except OSError as error:
        raise PlatformUnavailable(
            f"field application: {error.filename} cannot be read on {gethostname()} ({error.strerror}), and has to be "
            "brought to the cluster from a machine that has it: run the task again there"
        ) from error
    return [content[at : at + PART_BYTES] for at in range(0, len(content), PART_BYTES)]


def _content(spec: JobSpec) -> bytes:
    return local_path(spec).read_bytes() if spec.sql is None else spec.sql.encode()


def put_together(spec: JobSpec) -> str:
    """Lines of bash that make the job's files out of their parts, in a pod that has some, and install requirements."""
    made = f"| tar -xz -C {SCRATCH}" if travelling(spec) else '>"$DCLUSTER_APPLICATION"'
    joined = f"[ ! -d {PARTS_FOLDER} ] || cat {PARTS_FOLDER}/* {made} || exit 1\n"
    return joined + install_requirements(spec, f"{FOLDER}/{REQUIREMENTS}")


def file_name(spec: JobSpec) -> str:
    """The name of the application's file in a pod: its own as far as a Secret can keep it, since tracebacks show it."""
    if spec.sql is not None:
        return SQL_FILE
    name = re.sub(r"[^A-Za-z0-9._-]", "_", local_path(spec).name).lstrip(".")
    return f"application-{name}" if name in _OURS else name

"""A job's application on its way into a pod."""

from __future__ import annotations

import re
from pathlib import Path
from socket import gethostname

from dcluster_provider.core.addresses import ObjectStorage, Reader
from dcluster_provider.core.errors import InvalidSpec, PlatformUnavailable
from dcluster_provider.core.job_spec import JobSpec
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
LINK = (
    "parcel.link"  # the file of a job's Secret that says where its pod fetches what is too large for objects
)
LINKED = -1  # parts of what travels so
# The link is a secret, which no process list may show; which of the three an image has, nobody knows.
_FETCH = f"""\
fetch() {{
    if command -v curl >/dev/null; then
        printf 'url = "%s"\\n' "$(cat {FOLDER}/{LINK})" | curl --silent --show-error --fail --retry 3 --config -
    elif command -v wget >/dev/null; then
        wget --quiet --output-document=- --input-file={FOLDER}/{LINK}
    else
        python3 -c 'import shutil, sys, urllib.request as r; shutil.copyfileobj(r.urlopen(open(sys.argv[1]).read()),
sys.stdout.buffer)' {FOLDER}/{LINK}
    fi
}}
(set -o pipefail && fetch MADE) ||
    {{ echo "The files of the job could not be fetched from the staging folder of its connection." >&2; exit 1; }}
"""
PART_BYTES = 900 * 1024  # a Kubernetes object holds 1 MiB
MAX_BYTES = 16 * 1024 * 1024
ANY_BYTES = 2**63
SPARK_SETTINGS, FLINK_SETTINGS, EXECUTOR_POD = "spark.properties", "config.yaml", "executor.json"
_OURS = {SPARK_SETTINGS, FLINK_SETTINGS, EXECUTOR_POD, "log4j-cli.properties", REQUIREMENTS, SQL_PROGRAM}


def check_application(spec: JobSpec, storage: ObjectStorage, *, is_staged: bool = False) -> None:
    """Refuse a job whose application cannot get into a pod.

    :param is_staged: files of any size reach pods, over the connection's staging folder.
    :raises InvalidSpec: naming the field and what can be done.
    :raises PlatformRefused: Airflow may not read a file that is in object storage, or lacks what it takes.
    """
    if not spec.application and spec.sql is None:
        raise InvalidSpec("field application: is empty; name the .py, .jar or .sql file to run, or write sql")
    found = find_files(spec, storage)
    check_travelling(spec, found, ANY_BYTES if is_staged else MAX_BYTES)
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
    if size > MAX_BYTES and not is_staged:
        name = local_path(spec).name
        raise InvalidSpec(
            f"field application: {spec.application} has {size // 2**20} MiB, and a file that travels with the job at "
            f"most {MAX_BYTES // 2**20}; name a folder in the connection's field staging, or put it into the image "
            f"(local:///opt/app/{name}) or where the engine itself reads it from (s3a://bucket/{name}, https://...)"
        )


def path_in_pod(spec: JobSpec, parts: int) -> str:
    """What the engine is given as the application: a path in the pod, or the address as it is.

    :param parts: that a file travels in which is too large for one object; 0 when it travels with the settings, and
        ``LINKED`` when the pod fetches it.
    """
    if not is_found_by_job(spec):
        return f"{SCRATCH if parts else FOLDER}/{file_name(spec)}"
    return spec.application if spec.traits.fetches_applications else spec.application.removeprefix("local://")


def parcel(spec: JobSpec, folder: Path) -> Path | None:
    """What travels with a job, as one file: the application, or an archive with all that it brings; none for nothing.

    :param spec: with paths of this machine for what Airflow reads.
    :param folder: for what has to be made; it outlives the file.
    :raises PlatformUnavailable: a file cannot be read on this machine, though it can be on another, perhaps.
    """
    try:
        application = None if is_found_by_job(spec) else _file(spec, folder)
        if travelling(spec):
            named = (file_name(spec), application) if application else None
            return bundle(spec, named, folder / "parcel.tar.gz")
    except OSError as error:
        raise PlatformUnavailable(
            f"field application: {error.filename} cannot be read on {gethostname()} ({error.strerror}), and has to be "
            "brought to the cluster from a machine that has it: run the task again there"
        ) from error
    return application


def _file(spec: JobSpec, folder: Path) -> Path:
    if spec.sql is None:
        path = local_path(spec)
        path.open("rb").close()
        return path
    file = folder / SQL_FILE
    file.write_text(spec.sql, encoding="utf-8")
    return file


def pieces(content: bytes) -> list[bytes]:
    """Content in pieces that fit into an object each."""
    return [content[at : at + PART_BYTES] for at in range(0, len(content), PART_BYTES)]


def put_together(spec: JobSpec, parts: int) -> str:
    """Lines of bash that make the job's files of what travelled, and install requirements.

    :param parts: as for :func:`path_in_pod`.
    """
    made = f"| tar -xz -C {SCRATCH}" if travelling(spec) else '>"$DCLUSTER_APPLICATION"'
    joined = f"cat {PARTS_FOLDER}/* {made} || exit 1\n" if parts > 0 else ""
    fetched = _FETCH.replace("MADE", made) if parts == LINKED else ""
    return joined + fetched + install_requirements(spec, f"{FOLDER}/{REQUIREMENTS}")


def file_name(spec: JobSpec) -> str:
    """The name of the application's file in a pod: its own as far as a Secret can keep it, since tracebacks show it."""
    if spec.sql is not None:
        return SQL_FILE
    name = re.sub(r"[^A-Za-z0-9._-]", "_", local_path(spec).name).lstrip(".")
    return f"application-{name}" if name in _OURS else name

"""A job's application on its way into a pod."""

from __future__ import annotations

import re

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.spec import JobSpec
from dcluster_provider.engines.application import check_file, is_remote, local_path

FOLDER = "/etc/dcluster/job"
MOST_BYTES = 900 * 1024  # a Kubernetes object holds 1 MiB, and settings travel beside the file
SPARK_SETTINGS, FLINK_SETTINGS, EXECUTOR_POD = "spark.properties", "config.yaml", "executor.json"
_OURS = {SPARK_SETTINGS, FLINK_SETTINGS, EXECUTOR_POD, "log4j-cli.properties", "sql_runner.py"}


def check_application(spec: JobSpec) -> None:
    """Refuse a job whose application cannot get into a pod.

    :raises InvalidSpec: naming the field and what can be done.
    """
    if not spec.application:
        raise InvalidSpec("field application: is empty; name the .py, .jar or .sql file to run")
    if is_remote(spec):
        _check_remote(spec)
        return
    path = check_file(
        spec,
        ", in the image (local:///opt/app/job.py), or where the engine itself reads it from (s3a://, https://)",
    )
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise InvalidSpec(
            f"field application: {path} has {size // 1024} KiB, and a file that travels with the job at most "
            f"{MOST_BYTES // 1024}; put it into the image (local:///opt/app/{path.name}) or where the engine itself "
            f"reads it from (s3a://bucket/{path.name}, https://...)"
        )


def path_in_pod(spec: JobSpec) -> str:
    """What the engine is given as the application: a path in the pod, or the address as it is."""
    if not is_remote(spec):
        return f"{FOLDER}/{file_name(spec)}"
    return spec.application.removeprefix("local://") if spec.engine == "flink" else spec.application


def file_for_pod(spec: JobSpec) -> dict[str, bytes]:
    """The application's file by its name; nothing when the pod finds it by itself.

    :raises OSError: it cannot be read any more.
    """
    return {} if is_remote(spec) else {file_name(spec): local_path(spec).read_bytes()}


def file_name(spec: JobSpec) -> str:
    """The name of the application's file in a pod: its own as far as a Secret can keep it, since tracebacks show it."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", local_path(spec).name).lstrip(".")
    return f"application-{name}" if name in _OURS else name


def _check_remote(spec: JobSpec) -> None:
    if spec.engine != "flink":
        return
    if not spec.application.startswith("local:"):
        raise InvalidSpec(
            f"field application: {spec.application!r} cannot be read by Flink's client; name a file on this machine or "
            "in the image (local:///opt/app/job.py)"
        )
    if spec.application.lower().endswith(".jar"):
        raise InvalidSpec(
            f"field application: {spec.application!r}: a jar is handed to the JobManager from this machine; name "
            "a file that is here"
        )

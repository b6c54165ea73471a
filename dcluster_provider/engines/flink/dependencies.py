"""What Flink is told of a job's dependencies, and the one jar that its jars travel in: Flink takes one for a job."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterable
from typing import IO

from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.dependencies import (
    Dependency,
    check_named_once,
    dependencies_of,
    packed_environment,
)

_UNPACKED = "requirements"  # a folder where each Python process of a task works
_SETTINGS = {"py_files": "python.files", "archives": "python.archives"}
# Settings that say the same as a field, which reaches Flink in another way.
_ALSO = (
    ("jars", "pipeline.jars"),
    ("requirements", "python.requirements"),
    ("requirements", "python.executable"),
)
_BY_ENVIRONMENT = (("requirements", "python.archives"), ("requirements", "python.client.executable"))
# The same as a program, for a pod in which this package is not: python3 -c JOIN_JARS TARGET JAR...
JOIN_JARS = """\
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", strict_timestamps=False) as jar:
    for number, path in enumerate(sys.argv[2:]):
        jar.write(path, f"lib/{number}.jar")
"""


def check_settings(spec: JobSpec) -> None:
    """Refuse a dependency that is named by its field and by a setting, and Python for a jar.

    :raises InvalidSpec: naming the field.
    """
    also = (*_ALSO, *(_BY_ENVIRONMENT if packed_environment(spec) else ()))
    check_named_once(spec, (*_SETTINGS.items(), *also), ("py_files", "archives", "requirements"))


def dependency_settings(
    spec: JobSpec, locate: Callable[[Dependency], str], installed: str = "", unpacked: str = ""
) -> dict[str, str]:
    """The settings that name what a job's Python brings.

    :param locate: where the client finds a dependency: a path or an address.
    :param installed: the folder that the job's requirements were installed into for its tasks; empty means none.
    :param unpacked: the folder that the client has the job's packed environment in; empty where its tasks have it, too.
    """
    settings = {}
    for field, setting in _SETTINGS.items():
        found = [each.named(locate(each)) for each in dependencies_of(spec) if each.field == field]
        found += [installed] if installed and field == "py_files" else []
        settings[setting] = ",".join(found)
    packed = packed_environment(spec)
    if packed is not None and unpacked:
        archives = [settings["python.archives"], f"{locate(packed)}#{_UNPACKED}"]
        settings |= {
            "python.archives": ",".join(each for each in archives if each),
            "python.client.executable": f"{unpacked}/bin/python",
            "python.executable": f"{_UNPACKED}/bin/python",
        }
    return {name: value for name, value in settings.items() if value}


def jars_of(spec: JobSpec) -> list[Dependency]:
    """The jars that a job brings."""
    return [each for each in dependencies_of(spec) if each.field == "jars"]


def join_jars(target: IO[bytes], application: IO[bytes] | None, libraries: Iterable[IO[bytes]]) -> None:
    """Write a jar that holds others.

    :param target: can be read, written and sought; is empty.
    :param application: the jar that they are put into; none for one that holds nothing else.
    """
    if application is not None:
        shutil.copyfileobj(application, target)
    with zipfile.ZipFile(target, "a") as jar:
        for number, library in enumerate(libraries):
            with jar.open(f"lib/{number}.jar", "w", force_zip64=True) as entry:
                shutil.copyfileobj(library, entry)
    target.seek(0)

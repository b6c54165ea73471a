"""What Flink is told of a job's dependencies."""

from __future__ import annotations

from collections.abc import Callable

from dcluster_provider.core.spec import JobSpec
from dcluster_provider.engines.dependencies import Dependency, check_named_once, dependencies_of

_SETTINGS = {"py_files": "python.files", "archives": "python.archives"}
# Settings that say the same as a field, which reaches Flink in another way.
_ALSO = (
    ("jars", "pipeline.jars"),
    ("requirements", "python.requirements"),
    ("requirements", "python.executable"),
)


def check_settings(spec: JobSpec) -> None:
    """Refuse a dependency that is named by its field and by a setting, and Python for a jar.

    :raises InvalidSpec: naming the field.
    """
    check_named_once(spec, (*_SETTINGS.items(), *_ALSO), ("py_files", "archives", "requirements"))


def dependency_settings(
    spec: JobSpec, locate: Callable[[Dependency], str], installed: str = ""
) -> dict[str, str]:
    """The settings that name what a job's Python brings.

    :param locate: where the client finds a dependency: a path or an address.
    :param installed: the folder that the job's requirements were installed into for its tasks; empty means none.
    """
    settings = {}
    for field, setting in _SETTINGS.items():
        found = [each.named(locate(each)) for each in dependencies_of(spec) if each.field == field]
        found += [installed] if installed and field == "py_files" else []
        settings[setting] = ",".join(found)
    return {name: value for name, value in settings.items() if value}


def jars_of(spec: JobSpec) -> list[Dependency]:
    """The jars that a job brings."""
    return [each for each in dependencies_of(spec) if each.field == "jars"]

"""What Spark is told of a job's dependencies, and of the environment of its executors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.dependencies import (
    Dependency,
    check_named_once,
    dependencies_of,
    packed_environment,
)
from dcluster_provider.engines.spark.conf import REDACTION, redaction_regex

_FILES = {
    "py_files": "spark.submit.pyFiles",
    "jars": "spark.jars",
    "files": "spark.files",
    "archives": "spark.archives",
}
_NAMES = {
    "packages": "spark.jars.packages",
    "repositories": "spark.jars.repositories",
    "exclude_packages": "spark.jars.excludes",
}
_PYTHON_PATH = "spark.executorEnv.PYTHONPATH"
_INSTALLED = "requirements"  # a folder in the working folder of each executor
_PREFIX = "spark.executorEnv."


def check_settings(spec: JobSpec) -> None:
    """Refuse a dependency that is named by its field and by a setting, and Python for a jar.

    :raises InvalidSpec: naming both.
    """
    named = [*(_FILES | _NAMES).items(), ("requirements", "spark.pyspark.python")]
    if packed_environment(spec) is not None:
        named.append(("requirements", "spark.pyspark.driver.python"))
    check_named_once(spec, named, ("py_files", "requirements"))


def dependency_settings(spec: JobSpec, locate: Callable[[Dependency], str]) -> dict[str, str]:
    """The settings that name a job's dependencies.

    :param locate: where the driver finds a dependency: a path or an address.
    """
    settings = {setting: ",".join(getattr(spec, field)) for field, setting in _NAMES.items()}
    for field, setting in _FILES.items():
        found = [each.named(locate(each)) for each in dependencies_of(spec) if each.field == field]
        settings[setting] = ",".join(found)
    return {name: value for name, value in settings.items() if value}


def with_installed_requirements(settings: Mapping[str, str], archive: str) -> dict[str, str]:
    """A job's settings with which its executors have the requirements that its driver has installed.

    :param archive: what was installed, where the driver finds it.
    """
    paths = [_INSTALLED, settings.get(_PYTHON_PATH, "")]
    return {
        **settings,
        "spark.archives": _with_archive(settings, archive),
        _PYTHON_PATH: ":".join(each for each in paths if each),
    }


def with_packed_environment(settings: Mapping[str, str], archive: str, unpacked: str) -> dict[str, str]:
    """A job's settings with which its driver and executors run the Python of an environment that it brings.

    :param archive: the environment, where the driver finds it.
    :param unpacked: the folder that the driver has it in.
    """
    return {
        **settings,
        "spark.archives": _with_archive(settings, archive),
        "spark.pyspark.driver.python": f"{unpacked}/bin/python",
        "spark.pyspark.python": f"./{_INSTALLED}/bin/python",
    }


def _with_archive(settings: Mapping[str, str], archive: str) -> str:
    archives = [settings.get("spark.archives", ""), f"{archive}#{_INSTALLED}"]
    return ",".join(each for each in archives if each)


def executor_environment(
    settings: Mapping[str, str], variables: Mapping[str, str], secrets: Iterable[str] = ()
) -> dict[str, str]:
    """A job's settings with which its executors have variables.

    :param settings: the job's; one that names such a variable stays.
    :param secrets: the variables whose values Spark is to hide.
    """
    wanted = {f"{_PREFIX}{name}": value for name, value in variables.items()} | dict(settings)
    names = "|".join(f"^{_PREFIX.replace('.', '[.]')}{name}$" for name in secrets)
    if names:
        wanted[REDACTION] = f"{settings.get(REDACTION) or redaction_regex()}|{names}"
    return wanted

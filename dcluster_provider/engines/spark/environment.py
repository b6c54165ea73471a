"""The environment of Spark's executors, which a driver's settings name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dcluster_provider.engines.spark.conf import REDACTION, redaction_regex

_PREFIX = "spark.executorEnv."


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

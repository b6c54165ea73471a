"""Checks of engine settings where they enter: values that are none, and settings that do not do what they say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.spec import ClusterSpec, JobSpec
from dcluster_provider.engines import flink_settings, spark_settings
from dcluster_provider.engines.own_cluster import is_of_flinks_processes

Check = Callable[[str, str], object]
_NOTHING: Mapping[str, str] = MappingProxyType({})


def check_job_settings(spec: JobSpec, decided: Mapping[str, str] = _NOTHING) -> None:
    """Refuse settings of a job that its engine cannot use.

    :param decided: what the platform sets them to, whatever is given, by name.
    :raises InvalidSpec: naming ``extraCmd`` and the setting.
    """
    _check_decided("extraCmd", spec.extra_cmd, decided)
    if spec.engine == "spark":
        _check("extraCmd", spec.extra_cmd, spark_settings.KINDS, spark_settings.INSTEAD)
        if not spec.use_external_cluster:
            _check_decided("extraCmd", spec.extra_cmd, spark_settings.DECIDED)
            _check("extraCmd", spec.extra_cmd, {}, spark_settings.INSTEAD_ON_OURS)
        return
    _check("extraCmd", spec.extra_cmd, flink_settings.KINDS, flink_settings.INSTEAD_IN_JOB)
    if spec.names_cluster or spec.use_external_cluster:
        for name in spec.extra_cmd:
            if is_of_flinks_processes(name):
                raise InvalidSpec(
                    f"field extraCmd: {name} is read when a JobManager or TaskManager starts, and those of the "
                    "cluster run already; write it in extraConfigs when the cluster is launched"
                )


def check_cluster_settings(spec: ClusterSpec, decided: Mapping[str, str] = _NOTHING) -> None:
    """Refuse settings of a cluster that its engine cannot use.

    :param decided: what the platform sets them to, whatever is given, by name.
    :raises InvalidSpec: naming ``extraConfigs`` and the setting.
    """
    _check_decided("extraConfigs", spec.extra_configs, decided)
    if spec.engine == "spark":
        _check_decided("extraConfigs", spec.extra_configs, spark_settings.DECIDED)
        instead = spark_settings.INSTEAD | spark_settings.INSTEAD_ON_OURS
        _check("extraConfigs", spec.extra_configs, spark_settings.KINDS, instead)
    else:
        _check("extraConfigs", spec.extra_configs, flink_settings.KINDS, flink_settings.INSTEAD_IN_CLUSTER)


def _check_decided(field: str, given: Mapping[str, str], decided: Mapping[str, str]) -> None:
    for name, value in decided.items():
        if given.get(name, value) != value:
            raise InvalidSpec(f"field {field}: {name} is {value} on this platform; leave it out")


def _check(
    field: str, given: Mapping[str, str], kinds: Mapping[str, Check], instead: Mapping[str, str]
) -> None:
    for name, text in given.items():
        for pattern, remedy in instead.items():
            if re.fullmatch(pattern, name):
                raise InvalidSpec(f"field {field}: {name} {remedy}")
        if name in kinds:
            try:
                kinds[name](name, text)
            except InvalidSpec as error:
                raise InvalidSpec(f"field {field}: {error}") from None

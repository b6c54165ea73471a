"""What an engine has to do, wherever it runs, and what its releases are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from dcluster_provider.core.addresses import StorageEndpoint
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.engine_traits import ClusterType
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.rest import EngineRest

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
PythonVersion = tuple[int, int]


class Engine(Protocol):
    """An engine; it knows its settings and its REST interface, and nothing of processes or pods."""

    def check_cluster(self, spec: ClusterSpec, fixed: Mapping[str, str] = NO_SETTINGS) -> None:
        """Reject a cluster that the engine cannot be: wrong settings, or too little memory for its processes.

        :param fixed: the settings that the platform decides, whatever ``extraConfigs`` has, by name.
        :raises InvalidSpec: naming the field, and the setting or the least valid value.
        """

    def check_job(self, spec: JobSpec, fixed: Mapping[str, str] = NO_SETTINGS) -> None:
        """Reject settings of a job that the engine cannot use.

        :param fixed: the settings that the platform decides, whatever ``extraCmd`` has, by name.
        :raises InvalidSpec: naming ``extraCmd`` and the setting.
        """

    def storage_settings(self, endpoint: StorageEndpoint) -> dict[str, str]:
        """The settings by which the engine's own file system reaches S3; credentials are in its environment."""

    def own_cluster(self, spec: JobSpec) -> ClusterSpec:
        """The cluster of a job that names none, sized by the job's fields and, before them, by its settings.

        :raises InvalidSpec: a setting that sizes it is no amount.
        """

    def count_workers(self, rest: EngineRest) -> int:
        """How many workers the master reports.

        :raises NoAnswer: the master does not answer.
        :raises ErrorResponse: it answers with an error.
        """

    def is_busy(self, rest: EngineRest) -> bool:
        """Whether the master has anything at work, whoever submitted it.

        :raises NoAnswer: the master does not answer.
        :raises ErrorResponse: it answers with an error.
        """


@dataclass(frozen=True)
class EngineRelease:
    """A series of an engine's versions whose way of being launched is known and tested.

    :param engine: its name.
    :param types: the types of clusters that it is a release of.
    :param series: the beginning of its versions, ``3.5`` for instance; any patch of it is accepted.
    :param tested: the patch that is tested, and that the series stands for.
    :param package: its distribution on PyPI.
    :param module: the Python module in which the engine's own files are.
    :param pythons: the oldest and the newest Python that it was seen to work with.
    :param requirements_since: what has to be installed with it from a Python on.
    :param javas: the oldest and the newest Java that it was seen to work with.
    :param repeats_job_ids: Flink: gives every job of a client the id that was meant for its first.
    :param s3_packages: the Maven packages by which it reads S3.
    :param java_modules: the modules of Java that it loads and that a shortened Java may lack.
    """

    engine: str
    types: tuple[ClusterType, ...]
    series: str
    tested: str
    package: str
    module: str
    pythons: tuple[PythonVersion, PythonVersion]
    requirements_since: tuple[tuple[PythonVersion, str], ...] = ()
    javas: tuple[int, int] = (17, 21)
    java_modules: tuple[str, ...] = ()
    repeats_job_ids: bool = False
    s3_packages: tuple[str, ...] = ()

    def is_of(self, version: str) -> bool:
        """Whether a version is the series or one of its patches."""
        return version == self.series or version.rpartition(".")[0] == self.series

    def requirements(self, version: str, python: PythonVersion) -> list[str]:
        """What has to be installed for a version, as pip writes it."""
        more = [requirement for since, requirement in self.requirements_since if python >= since]
        return [f"{self.package}=={version}", *more]

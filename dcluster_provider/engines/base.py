"""What an engine has to do, wherever it runs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from dcluster_provider.core.spec import ClusterSpec, JobSpec
from dcluster_provider.engines.rest import EngineRest

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


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

    def own_cluster(self, spec: JobSpec) -> ClusterSpec:
        """The cluster of a job that names none, sized by the job's fields and, before them, by its settings.

        :raises InvalidSpec: a setting that sizes it is no amount.
        """

    def is_busy(self, rest: EngineRest) -> bool:
        """Whether the master has anything at work, whoever submitted it.

        :raises NoAnswer: the master does not answer.
        :raises ErrorResponse: it answers with an error.
        """

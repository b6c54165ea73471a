"""From settings to the use cases."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.jobs import Jobs
from dcluster_provider.control.settings import Settings
from dcluster_provider.platforms.base import Platform

if TYPE_CHECKING:
    from dcluster_provider.platforms.local.settings import LocalSettings
    from dcluster_provider.registry.store import Registry


@dataclass(frozen=True)
class Control:
    """The use cases of one connection, over one registry and one platform."""

    clusters: Clusters
    jobs: Jobs
    registry: Registry
    platform: Platform

    def describe(self) -> str:
        """What is reached, in a sentence.

        :raises DClusterError: the registry or the platform cannot be used.
        """
        return f"{self.registry.describe()}; {self.platform.describe()}"


@lru_cache(maxsize=32)
def connect(settings: Settings) -> Control:
    """The use cases for these settings; made once for each in a process."""
    from dcluster_provider.platforms.local.platform import LocalPlatform
    from dcluster_provider.registry.store import Registry

    registry = Registry(settings.registry_url)
    platform = LocalPlatform(local_settings(settings))
    clusters = Clusters(registry, platform, settings)
    return Control(clusters, Jobs(registry, platform, settings, clusters), registry, platform)


def local_settings(settings: Settings) -> LocalSettings:
    """What the settings say to the local platform."""
    from dcluster_provider.platforms.local.settings import FLINK_VERSION, SPARK_VERSION, LocalSettings

    return LocalSettings(
        home=settings.home,
        engines_folder=settings.engines_folder,
        deployment=settings.deployment,
        spark_version=settings.spark_version or SPARK_VERSION,
        flink_version=settings.flink_version or FLINK_VERSION,
        java_home=settings.java_home,
        python=settings.python,
    )

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
    from dcluster_provider.platforms.local.platform import LocalPlatform, LocalSettings
    from dcluster_provider.registry.store import Registry

    registry = Registry(settings.registry_url)
    platform = LocalPlatform(
        LocalSettings(
            home=settings.home,
            engines_folder=settings.engines_folder,
            deployment=settings.deployment,
            java_home=settings.java_home,
            python=settings.python,
            **{
                name: version
                for name, version in (
                    ("spark_version", settings.spark_version),
                    ("flink_version", settings.flink_version),
                )
                if version
            },
        )
    )
    clusters = Clusters(registry, platform, settings)
    return Control(clusters, Jobs(registry, platform, settings, clusters), registry, platform)

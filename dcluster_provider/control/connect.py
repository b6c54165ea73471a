"""From the settings of a connection to its use cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from dcluster_provider.control.backends import clouds, platforms
from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.jobs import Jobs
from dcluster_provider.control.nodes.dedicated import DedicatedNodes
from dcluster_provider.control.nodes.launcher import NodeLauncher
from dcluster_provider.control.nodes.nodes import Nodes
from dcluster_provider.control.settings import Settings
from dcluster_provider.control.upkeep.upkeep import Upkeep
from dcluster_provider.core.addresses import NO_STORAGE, ObjectStorage
from dcluster_provider.core.backend import BackendContext
from dcluster_provider.core.environment import ReadSecret, no_secrets
from dcluster_provider.platforms.base import Platform
from dcluster_provider.platforms.capabilities import nodes_of

if TYPE_CHECKING:
    from dcluster_provider.registry.store import Registry


_lock = Lock()


@dataclass(frozen=True)
class Control:
    """The use cases of one connection, over one registry and one platform."""

    clusters: Clusters
    jobs: Jobs
    nodes: Nodes
    upkeep: Upkeep
    registry: Registry
    platform: Platform

    def describe(self) -> str:
        """Describe the registry and the platform in a sentence, after reaching both.

        :raises DClusterError: the registry or the platform cannot be used.
        """
        return f"{self.registry.describe()}; {self.platform.describe()}"


_controls: dict[Settings, Control] = {}


def connect(
    settings: Settings,
    clients: Mapping[str, Any] | None = None,
    read_secret: ReadSecret = no_secrets,
    storage: ObjectStorage = NO_STORAGE,
) -> Control:
    """The use cases for these settings, created once per process.

    :param clients: by the type of an Airflow connection, a function that makes clients with the credentials of such a
        connection; required by platforms and clouds that have some.
    :param read_secret: gives the value of a secret that is in an Airflow connection or variable.
    :param storage: reads addresses with Airflow's connections.
    :raises PlatformRefused: the platform cannot be used.
    """
    with _lock:
        if settings not in _controls:
            _controls[settings] = _make(settings, clients or {}, read_secret, storage)
        return _controls[settings]


def _make(
    settings: Settings, clients: Mapping[str, Any], read_secret: ReadSecret, storage: ObjectStorage
) -> Control:
    from dcluster_provider.registry.store import Registry

    registry = Registry(settings.registry_url)
    nodes = settings.nodes
    context = BackendContext(settings.conn_id, lambda: registry.id, clients, read_secret, storage)
    platform = platforms.get(settings.platform).factory(settings.platform_settings, context)
    cloud = clouds.get(nodes.cloud).factory(nodes.cloud_settings, context)
    launching = NodeLauncher(cloud, nodes_of(platform), nodes, settings.deployment, lambda: registry.id)
    clusters = Clusters(registry, platform, settings, DedicatedNodes(launching, cloud, nodes))
    jobs = Jobs(registry, platform, settings, clusters)
    return Control(
        clusters=clusters,
        jobs=jobs,
        nodes=Nodes(registry, cloud, nodes_of(platform), settings),
        upkeep=Upkeep(registry, platform, settings, clusters, jobs),
        registry=registry,
        platform=platform,
    )

"""From settings to the use cases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.jobs import Jobs
from dcluster_provider.control.nodes.clouds import CloudClients, make_cloud
from dcluster_provider.control.nodes.dedicated import DedicatedNodes
from dcluster_provider.control.nodes.launching import Launching
from dcluster_provider.control.nodes.nodes import Nodes
from dcluster_provider.control.settings import Settings
from dcluster_provider.control.upkeep.upkeep import Upkeep
from dcluster_provider.platforms.base import Platform
from dcluster_provider.platforms.capabilities import nodes_of

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

    from dcluster_provider.platforms.local.settings import LocalSettings
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
        """What is reached, in a sentence.

        :raises DClusterError: the registry or the platform cannot be used.
        """
        return f"{self.registry.describe()}; {self.platform.describe()}"


_controls: dict[Settings, Control] = {}


def connect(
    settings: Settings,
    kubernetes_client: Callable[[str], ApiClient] | None = None,
    cloud_clients: CloudClients | None = None,
) -> Control:
    """The use cases for these settings; made once for each in a process.

    :param kubernetes_client: makes a client of an Airflow connection, when Kubernetes is asked something first; needed
        for the Kubernetes platform.
    :param cloud_clients: make clients of clouds of Airflow connections; needed where machines come from a cloud.
    :raises PlatformRefused: the platform cannot be used at all.
    """
    with _lock:
        if settings not in _controls:
            _controls[settings] = _make(settings, kubernetes_client, cloud_clients)
        return _controls[settings]


def _make(
    settings: Settings,
    kubernetes_client: Callable[[str], ApiClient] | None,
    cloud_clients: CloudClients | None,
) -> Control:
    from dcluster_provider.registry.store import Registry

    registry = Registry(settings.registry_url)
    platform = _platform(settings, kubernetes_client, lambda: registry.id)
    cloud = make_cloud(settings.conn_id, settings.nodes, cloud_clients)
    launching = Launching(cloud, nodes_of(platform), settings.nodes, settings.deployment, lambda: registry.id)
    clusters = Clusters(registry, platform, settings, DedicatedNodes(launching, cloud, settings.nodes))
    jobs = Jobs(registry, platform, settings, clusters)
    return Control(
        clusters=clusters,
        jobs=jobs,
        nodes=Nodes(registry, cloud, nodes_of(platform), settings),
        upkeep=Upkeep(registry, platform, settings, clusters, jobs),
        registry=registry,
        platform=platform,
    )


def _platform(
    settings: Settings,
    kubernetes_client: Callable[[str], ApiClient] | None,
    registry_id: Callable[[], str],
) -> Platform:
    if settings.kubernetes is None:
        from dcluster_provider.platforms.local.platform import LocalPlatform

        return LocalPlatform(local_settings(settings), registry_id)
    from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
    from dcluster_provider.platforms.kubernetes.platform import KubernetesPlatform

    if kubernetes_client is None:
        raise ValueError("the Kubernetes platform needs somebody who makes its client")
    conn_id = settings.kubernetes.conn_id
    return KubernetesPlatform(
        settings.kubernetes, KubernetesApi(lambda: kubernetes_client(conn_id)), registry_id, settings.home
    )


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

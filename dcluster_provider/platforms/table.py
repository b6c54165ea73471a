"""The platforms of this package, by the names that connections give them, and what each is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dcluster_provider.core.backend import Backend, BackendContext
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from dcluster_provider.platforms.local.settings import LocalSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcluster_provider.platforms.base import Platform


def make_local(settings: LocalSettings, context: BackendContext) -> Platform:
    """The platform of a connection that names this machine, which is the default."""
    from dcluster_provider.platforms.local.platform import LocalPlatform

    return LocalPlatform(settings, context.registry_id, context.read_secret, context.storage)


def make_kubernetes(settings: KubernetesSettings, context: BackendContext) -> Platform:
    """The platform of a connection that names Kubernetes, whose credentials are read when that is asked first."""
    from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
    from dcluster_provider.platforms.kubernetes.platform import KubernetesPlatform

    make_client = context.client("kubernetes")
    api = KubernetesApi(lambda: make_client(settings.conn_id))
    return KubernetesPlatform(settings, api, context.registry_id, context.read_secret, context.storage)


PLATFORMS: Mapping[str, Backend[Any, Platform]] = {
    "local": Backend(LocalSettings, make_local),
    "kubernetes": Backend(KubernetesSettings, make_kubernetes),
}

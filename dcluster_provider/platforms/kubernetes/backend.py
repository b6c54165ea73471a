"""The Kubernetes platform as a backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcluster_provider.core.backend import Backend, BackendContext
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

if TYPE_CHECKING:
    from dcluster_provider.platforms.base import Platform


def make_platform(settings: KubernetesSettings, context: BackendContext) -> Platform:
    """The platform of a connection; its credentials are read when Kubernetes is asked something first."""
    from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
    from dcluster_provider.platforms.kubernetes.platform import KubernetesPlatform

    make_client = context.client("kubernetes")
    api = KubernetesApi(lambda: make_client(settings.conn_id))
    return KubernetesPlatform(settings, api, context.registry_id, context.read_secret)


KUBERNETES: Backend[KubernetesSettings, Platform] = Backend(KubernetesSettings, make_platform)

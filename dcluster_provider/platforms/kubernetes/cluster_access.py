"""Where a cluster is reached, by whoever may."""

from __future__ import annotations

from dcluster_provider.core.record import Cluster
from dcluster_provider.engines.rest import EngineRest
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.cluster_view import Addresses
from dcluster_provider.platforms.kubernetes.engine_access import engine_rest
from dcluster_provider.platforms.kubernetes.engine_table import pod_engine
from dcluster_provider.platforms.kubernetes.external import external_rest
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

_API_SERVER = (
    "k8s://https://kubernetes.default.svc"  # the master of drivers that make their executors themselves
)


def cluster_addresses(settings: KubernetesSettings, cluster: Cluster) -> Addresses:
    """Where the cluster's master and its page are."""
    if cluster.is_external:
        return Addresses(cluster.master_url, cluster.ui_url)
    namespace, engine = settings.namespace_of(cluster.spec), pod_engine(cluster.spec)
    host = f"{cluster.name}.{namespace}.svc"
    ui_url = settings.ui_url.replace("{name}", cluster.name).replace("{namespace}", namespace)
    if settings.makes_own_executors(cluster.spec):
        return Addresses(_API_SERVER, ui_url)
    return Addresses(engine.master_url(host), ui_url or f"http://{host}:{engine.rest_port}")


def master_rest(settings: KubernetesSettings, api: KubernetesApi, cluster: Cluster) -> EngineRest:
    """The HTTP interface of the cluster's master or JobManager."""
    if cluster.is_external:
        return external_rest(cluster)
    namespace = settings.namespace_of(cluster.spec)
    return engine_rest(settings, api, namespace, cluster.name, pod_engine(cluster.spec).rest_port)

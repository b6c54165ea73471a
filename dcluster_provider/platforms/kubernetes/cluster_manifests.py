"""What is made for a cluster of each kind, and where it is reached then."""

from __future__ import annotations

import secrets

from dcluster_provider.core.record import Cluster
from dcluster_provider.engines.rest import EngineRest
from dcluster_provider.platforms.kubernetes import flink_manifests, spark_manifests
from dcluster_provider.platforms.kubernetes.api import KubernetesApi
from dcluster_provider.platforms.kubernetes.cluster_objects import Manifest, secret
from dcluster_provider.platforms.kubernetes.cluster_view import Addresses
from dcluster_provider.platforms.kubernetes.engine_access import engine_rest
from dcluster_provider.platforms.kubernetes.external import external_rest
from dcluster_provider.platforms.kubernetes.metadata import Place, cluster_labels
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings


def cluster_secret(settings: KubernetesSettings, cluster: Cluster, place: Place) -> Manifest:
    """A Secret for the cluster, with a new shared secret where there is one: it is made once and then kept."""
    if cluster.spec.engine == "flink":
        files = flink_manifests.cluster_files(settings, cluster)
    elif settings.makes_own_executors(cluster.spec):
        files = spark_manifests.own_executor_files(secrets.token_hex(32))
    else:
        files = spark_manifests.cluster_files(cluster, secrets.token_hex(32))
    return secret(cluster.name, place, cluster_labels(cluster), files)


def cluster_manifests(settings: KubernetesSettings, cluster: Cluster, place: Place) -> list[Manifest]:
    """Everything but the root and the Secret, in the order it is made in."""
    if cluster.spec.engine == "flink":
        return flink_manifests.session(settings, cluster, place)
    if settings.makes_own_executors(cluster.spec):
        return spark_manifests.around_driver(settings, cluster, place)
    return spark_manifests.standalone(settings, cluster, place)


def cluster_addresses(settings: KubernetesSettings, cluster: Cluster) -> Addresses:
    """Where the cluster's master and its page are."""
    if cluster.is_external:
        return Addresses(cluster.master_url, cluster.ui_url)
    namespace = settings.namespace_of(cluster.spec)
    host = f"{cluster.name}.{namespace}.svc"
    ui_url = settings.ui_url.replace("{name}", cluster.name).replace("{namespace}", namespace)
    if settings.makes_own_executors(cluster.spec):
        return Addresses("k8s://https://kubernetes.default.svc", ui_url)
    page = f"http://{host}:{_rest_port(cluster)}"
    is_flink = cluster.spec.engine == "flink"
    master = page if is_flink else f"spark://{host}:{spark_manifests.MASTER_PORT}"
    return Addresses(master, ui_url or page)


def master_rest(settings: KubernetesSettings, api: KubernetesApi, cluster: Cluster) -> EngineRest:
    """The HTTP interface of the cluster's master or JobManager."""
    if cluster.is_external:
        return external_rest(cluster)
    namespace = settings.namespace_of(cluster.spec)
    return engine_rest(settings, api, namespace, cluster.name, _rest_port(cluster))


def _rest_port(cluster: Cluster) -> int:
    return flink_manifests.REST_PORT if cluster.spec.engine == "flink" else spark_manifests.UI_PORT

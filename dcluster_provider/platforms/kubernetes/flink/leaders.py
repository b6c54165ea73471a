"""The ConfigMaps in which Flink's high availability keeps its leaders: Flink makes them, and nothing owns them."""

from __future__ import annotations

from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import collection


def remove_leaders(api: KubernetesApi, namespace: str, cluster_name: str) -> None:
    """Remove what is left of a cluster's leaders; its JobManager has to have gone, or would make them again."""
    path = collection("ConfigMap", namespace)
    found, _ = api.list(path, {"labelSelector": f"app={cluster_name},type=flink-native-kubernetes"})
    for each in found:
        api.delete(f"{path}/{each['metadata']['name']}")

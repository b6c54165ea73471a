"""What every cluster has on Kubernetes beside its pods: the root that owns all, its Service and its protection."""

from __future__ import annotations

import json
from typing import Any

from dcluster_provider.core.record import Cluster
from dcluster_provider.platforms.kubernetes.manifests.metadata import (
    Place,
    Role,
    cluster_labels,
    metadata,
    pod_selector,
)
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings, listed

Manifest = dict[str, Any]


def root(cluster: Cluster, namespace: str) -> Manifest:
    """The ConfigMap that owns everything of a cluster: it is made first, and with it everything goes."""
    about = {
        "clusterId": cluster.id,
        "clusterName": cluster.name,
        "type": cluster.type,
        "connection": cluster.conn_id,
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(cluster.name, Place(namespace), cluster_labels(cluster)),
        "data": {"cluster.json": json.dumps(about)},
    }


def secret(name: str, place: Place, labels: dict[str, str], files: dict[str, str]) -> Manifest:
    """A Secret of text files."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(name, place, labels),
        "type": "Opaque",
        "stringData": files,
    }


def service(cluster: Cluster, place: Place, ports: dict[str, int]) -> Manifest:
    """The headless Service by which the master is found, before it is ready, too: workers have to find it then."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(cluster.name, place, cluster_labels(cluster)),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": pod_selector(cluster, "master"),
            "ports": [{"name": name, "port": port, "targetPort": port} for name, port in ports.items()],
        },
    }


def network_policy(settings: KubernetesSettings, cluster: Cluster, place: Place, rest_port: int) -> Manifest:
    """Only the cluster's own pods reach each other; the master's HTTP port is open to whom the connection says."""
    own = {"from": [{"podSelector": {"matchLabels": pod_selector(cluster)}}]}
    rest: Manifest = {"ports": [{"protocol": "TCP", "port": rest_port}]}
    if settings.rest_from:
        rest["from"] = [{"ipBlock": {"cidr": cidr}} for cidr in listed(settings.rest_from)]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(cluster.name, place, cluster_labels(cluster)),
        "spec": {
            "podSelector": {"matchLabels": pod_selector(cluster)},
            "policyTypes": ["Ingress"],
            "ingress": [own, rest],
        },
    }


def disruption_budget(cluster: Cluster, place: Place) -> Manifest:
    """The master is not evicted for the convenience of others: with it everything that runs is lost."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(cluster.name, place, cluster_labels(cluster)),
        "spec": {"minAvailable": 1, "selector": {"matchLabels": pod_selector(cluster, "master")}},
    }


def deployment(cluster: Cluster, place: Place, role: Role, template: Manifest) -> Manifest:
    """The pods of one role. A Deployment: it replaces the pods of a lost node by itself, and its name may be long."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(f"{cluster.name}-{role}", place, cluster_labels(cluster, role)),
        "spec": {
            "replicas": cluster.spec.workers if role == "worker" else 1,
            "revisionHistoryLimit": 0,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": pod_selector(cluster, role)},
            "template": template,
        },
    }

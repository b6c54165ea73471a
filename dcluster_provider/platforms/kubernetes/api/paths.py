"""The paths of the API server's collections."""

from __future__ import annotations

from typing import Any

_GROUPS = {
    "ConfigMap": ("api/v1", "configmaps"),
    "Secret": ("api/v1", "secrets"),
    "Service": ("api/v1", "services"),
    "ServiceAccount": ("api/v1", "serviceaccounts"),
    "Pod": ("api/v1", "pods"),
    "Event": ("api/v1", "events"),
    "Deployment": ("apis/apps/v1", "deployments"),
    "Job": ("apis/batch/v1", "jobs"),
    "NetworkPolicy": ("apis/networking.k8s.io/v1", "networkpolicies"),
    "PodDisruptionBudget": ("apis/policy/v1", "poddisruptionbudgets"),
    "Workload": ("apis/kueue.x-k8s.io/v1beta2", "workloads"),
    "PodGroup": ("apis/scheduling.volcano.sh/v1beta1", "podgroups"),
    "LocalQueue": ("apis/kueue.x-k8s.io/v1beta2", "localqueues"),
    "Role": ("apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": ("apis/rbac.authorization.k8s.io/v1", "rolebindings"),
}

KUEUE = "/apis/kueue.x-k8s.io/v1beta2"


def collection(kind: str, namespace: str) -> str:
    """The path of a kind of object in a namespace."""
    group, plural = _GROUPS[kind]
    return f"/{group}/namespaces/{namespace}/{plural}"


NODES = "/api/v1/nodes"
ALL_PODS = "/api/v1/pods"


def collection_of(manifest: dict[str, Any]) -> str:
    """The path of the collection that an object belongs to."""
    return collection(manifest["kind"], manifest["metadata"]["namespace"])


def service_proxy(namespace: str, service: str, port: int) -> str:
    """The path below which the API server hands requests on to a service."""
    return f"{collection('Service', namespace)}/{service}:{port}/proxy"

"""Names, labels and owners of what is made on Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dcluster_provider.core.identity import LABEL_PREFIX, label_value, labels
from dcluster_provider.core.kubernetes_pods import PodRole
from dcluster_provider.core.record import Cluster, Job

PREFIX = LABEL_PREFIX
DEPLOYMENT, REGISTRY, CLUSTER, CLUSTER_ID, CLUSTER_TYPE, ROLE, JOB = (
    PREFIX + part
    for part in ("deployment", "registry", "cluster-name", "cluster-id", "cluster-type", "role", "job-id")
)
KEY = PREFIX + "key"
VERDICT = PREFIX + "verdict"  # annotation: why the platform ended a job
_MANAGED = {"app.kubernetes.io/managed-by": "dcluster-provider"}


def selector(deployment: str) -> str:
    """The label selector of everything that a deployment has made, through whichever registry."""
    return f"{DEPLOYMENT}={label_value(deployment)}"


def registry_of(found: Mapping[str, Any]) -> str:
    """The id of the registry that an object was made for; empty when it carries none."""
    return str((found["metadata"].get("labels") or {}).get(REGISTRY, ""))


def cluster_labels(cluster: Cluster, role: PodRole | None = None) -> dict[str, str]:
    """The labels of an object of a cluster."""
    own = labels(
        cluster.deployment, cluster.registry_id, cluster.id, cluster.name, cluster.key, cluster.owner
    )
    return _MANAGED | own | {CLUSTER_TYPE: cluster.spec.type} | ({ROLE: role} if role else {})


def job_labels(job: Job, cluster: Cluster, role: PodRole | None = None) -> dict[str, str]:
    """The labels of an object of a job: its cluster's, with the job's own key and owner."""
    own = labels(cluster.deployment, cluster.registry_id, cluster.id, cluster.name, job.key, job.owner)
    typed = {CLUSTER_TYPE: cluster.spec.type, JOB: str(job.id)}
    return _MANAGED | own | typed | ({ROLE: role} if role else {})


def pod_selector(cluster: Cluster, role: PodRole | None = None) -> dict[str, str]:
    """The labels that tell a cluster's pods from every other."""
    own = cluster_labels(cluster, role)
    names = (DEPLOYMENT, CLUSTER, CLUSTER_ID, *((ROLE,) if role else ()))
    return {name: own[name] for name in names}


def job_name(job: Job) -> str:
    """The name of a job's objects."""
    return f"job-{job.id}-{job.platform_key[:8]}-{job.generation}"


@dataclass(frozen=True)
class Place:
    """Where the objects of a cluster are, or those of a job on a cluster that somebody else runs.

    :param root_uid: of the root that owns them; empty for the root itself.
    :param root_name: of that root; empty means the cluster's name.
    """

    namespace: str
    root_uid: str = ""
    root_name: str = ""


def metadata(name: str, place: Place, own_labels: dict[str, str]) -> dict[str, Any]:
    """The metadata of an object that a root owns."""
    found: dict[str, Any] = {"name": name, "namespace": place.namespace, "labels": own_labels}
    if place.root_uid:
        found["ownerReferences"] = [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": place.root_name or own_labels[CLUSTER],
                "uid": place.root_uid,
                "controller": False,
                "blockOwnerDeletion": True,
            }
        ]
    return found

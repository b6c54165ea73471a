"""Clusters that somebody else runs, as the jobs that are run on them from Kubernetes see them.

Nothing of such a cluster is made, changed or ended. What is made for a job on it belongs to a root of the job's own.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.rest import EngineRest, HttpRest
from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import Manifest
from dcluster_provider.platforms.kubernetes.manifests.metadata import (
    JOB,
    Place,
    job_labels,
    job_name,
    metadata,
    pod_selector,
)


def as_seen_by(job: Job, cluster: Cluster) -> Cluster:
    """The cluster of a job, in the namespace that the job's objects are in.

    One of ours is in a namespace itself; to one that somebody else runs, each job says its own.
    """
    if not cluster.is_external:
        return cluster
    placed = {"use_external_namespace": job.spec.use_external_namespace}
    return replace(cluster, spec=cluster.spec.model_copy(update=placed))


def external_rest(cluster: Cluster) -> EngineRest:
    """The HTTP interface of the cluster's master or JobManager, at its address itself."""
    address = urlsplit(cluster.ui_url)
    return HttpRest(address.hostname or "", address.port or 80)


def job_root(job: Job, cluster: Cluster, namespace: str) -> Manifest:
    """The ConfigMap that owns everything of a job: it is made first, and with it everything goes."""
    about = {
        "jobId": job.id,
        "clusterId": cluster.id,
        "clusterName": cluster.name,
        "masterUrl": cluster.master_url,
        "connection": job.conn_id,
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(job_name(job), Place(namespace), job_labels(job, cluster)),
        "data": {"job.json": json.dumps(about)},
    }


def job_policy(job: Job, cluster: Cluster, place: Place, ingress: list[dict[str, Any]]) -> Manifest:
    """Who reaches the job's pod.

    :param ingress: the rules.
    """
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(job_name(job), place, job_labels(job, cluster)),
        "spec": {
            "podSelector": {"matchLabels": pod_selector(cluster) | {JOB: str(job.id)}},
            "policyTypes": ["Ingress"],
            "ingress": ingress,
        },
    }

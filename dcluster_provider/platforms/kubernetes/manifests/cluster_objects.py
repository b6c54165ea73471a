"""The objects of clusters and jobs, without what is in their pods."""

from __future__ import annotations

import base64
import json
from typing import Any

from dcluster_provider.core.kubernetes_pods import PodRole
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.platforms.kubernetes.manifests.metadata import (
    JOB,
    Place,
    cluster_labels,
    job_labels,
    job_name,
    metadata,
    pod_selector,
)
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings, listed

Manifest = dict[str, Any]
_KEPT_SECONDS = 7 * 86400  # that a job which has ended can still be looked at on a cluster that lives on


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


def deployment(cluster: Cluster, place: Place, role: PodRole, template: Manifest) -> Manifest:
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


def client_job(job: Job, cluster: Cluster, place: Place, template: dict[str, Any]) -> Manifest:
    """The Kubernetes Job of a driver or client: it runs once, whatever becomes of it."""
    template["spec"]["restartPolicy"] = "Never"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(job_name(job), place, job_labels(job, cluster)),
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "podReplacementPolicy": "Failed",
            "suspend": False,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": template,
        },
    }


def part_names(job: Job, parts: int) -> list[str]:
    """The names of the Secrets that an application travels in which is too large for one."""
    return [f"{job_name(job)}-{number:03}" for number in range(parts)]


def job_secret(job: Job, cluster: Cluster, place: Place, files: dict[str, bytes], name: str = "") -> Manifest:
    """A Secret of what a driver or client reads.

    :param name: its name; the job's own unless it is one of its parts.
    """
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(name or job_name(job), place, job_labels(job, cluster)),
        "type": "Opaque",
        "data": {name: base64.b64encode(content).decode() for name, content in files.items()},
    }


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

"""Clusters that somebody else runs, as the jobs that are run on them from Kubernetes see them.

Nothing of such a cluster is made, changed or ended. What is made for a job on it belongs to a root of the job's own.
"""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import urlsplit

from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.flink import DEFAULTS, JVM_OPTIONS
from dcluster_provider.engines.rest import EngineRest, HttpRest
from dcluster_provider.engines.spark import Worker
from dcluster_provider.platforms.kubernetes.cluster_objects import Manifest
from dcluster_provider.platforms.kubernetes.metadata import (
    JOB,
    Place,
    job_labels,
    job_name,
    metadata,
    pod_selector,
)
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings, listed
from dcluster_provider.platforms.kubernetes.spark_manifests import DRIVER_UI_PORT

DRIVER_PORTS = {"driver": 7078, "blocks": 7079}  # by which executors reach a driver
DRIVER_PORT_SETTINGS = {
    "spark.driver.port": str(DRIVER_PORTS["driver"]),
    "spark.driver.blockManager.port": str(DRIVER_PORTS["blocks"]),
}
ANY_WORKER = Worker(10**9, 10**9)  # nobody knows what its workers offer, so nothing is too large
_WAIT = "table.dml-sync"


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


def external_driver_settings(cluster: Cluster) -> dict[str, str]:
    """The Spark settings of a driver that the cluster decides, and the ports at which executors come to its pod."""
    return {"spark.master": cluster.master_url} | DRIVER_PORT_SETTINGS


def external_client_settings() -> dict[str, str]:
    """The Flink settings of a client before its job's own: few, for the cluster has settings of its own."""
    return {"env.java.opts.all": " ".join(JVM_OPTIONS), _WAIT: DEFAULTS[_WAIT]}


def external_client_fixed(cluster: Cluster) -> dict[str, str]:
    """The Flink settings of a client that the cluster decides, after its job's own."""
    address = urlsplit(cluster.ui_url)
    return {"rest.address": address.hostname or "", "rest.port": str(address.port or 80)}


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


def job_policy(settings: KubernetesSettings, job: Job, cluster: Cluster, place: Place) -> Manifest:
    """Who reaches the job's pod: executors, wherever they are, its driver; nobody a client."""
    ingress: list[Manifest] = []
    if cluster.spec.engine == "spark":
        page: Manifest = {"ports": [{"protocol": "TCP", "port": DRIVER_UI_PORT}]}
        if settings.rest_from:
            page["from"] = [{"ipBlock": {"cidr": cidr}} for cidr in listed(settings.rest_from)]
        ingress = [{"ports": [{"protocol": "TCP", "port": port} for port in DRIVER_PORTS.values()]}, page]
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

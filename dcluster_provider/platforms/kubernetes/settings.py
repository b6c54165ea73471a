"""What a connection says to the Kubernetes platform."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from math import ceil
from typing import Any, Literal

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.spec import ClusterSpec, JobSpec
from dcluster_provider.platforms.kubernetes.api.quantity import amount
from dcluster_provider.platforms.kubernetes.pods.pod import ENGINE_CONTAINER

SPARK_USER, FLINK_USER = 185, 9999  # of the official images, which have a name for them
SPARK_IMAGE = "apache/spark:3.5.9"
FLINK_IMAGE = "flink:2.3.0"


@dataclass(frozen=True)
class KubernetesSettings:
    """Where and how clusters are made on Kubernetes; mappings and lists are JSON text, so that settings compare.

    :param conn_id: the Airflow connection of type ``kubernetes`` that credentials come from.
    :param deployment: tells this Airflow's objects from another's.
    :param namespace: of clusters.
    :param external_namespace: of clusters with ``useExternalNamespace``; empty means that there is none.
    :param spark_image: of clusters of type ``spark``.
    :param spark3_image: of clusters of type ``spark3``.
    :param flink_image: of clusters of type ``flink``.
    :param image_pull_secrets: names, separated by commas.
    :param service_account: of every pod but drivers that make their own executors; empty means the namespace's.
    :param driver_service_account: of drivers that make their own executors; empty means that a job without a cluster
        gets a standalone one.
    :param node_selector: of every pod, a JSON object.
    :param tolerations: of every pod, a JSON list.
    :param annotations: of every pod, a JSON object.
    :param pod_template: laid over every pod, a JSON object with ``metadata`` and ``spec``; the engine's container is
        called ``engine``.
    :param storage_class: of the workers' own disks (``launchDynamicDisk``); empty means the cluster's default.
    :param disk_size: of each worker's own disk.
    :param spark_user: the numerical user that Spark's images run as; 0 leaves it to the namespace's admission, as
        OpenShift decides it.
    :param flink_user: the same of Flink's images.
    :param cpu_limit: of every pod: ``none``, ``request`` (as much as it requests) or a factor of that; empty means as
        much as it requests where the namespace demands a limit, and none elsewhere.
    :param engine_access: how Spark masters and JobManagers are asked: through the API server, or directly.
    :param ui_url: address of an engine's page, with ``{name}`` and ``{namespace}`` in it.
    :param rest_from: address ranges that may reach the engines' HTTP ports, separated by commas; empty means any.
    :param flink_storage: folder for Flink's checkpoints, savepoints and high availability, as pods see it.
    :param flink_ha: whether JobManagers keep what they need to go on after a restart.
    :param unschedulable_timeout: seconds that a pod may wait for a node.
    :param mount_timeout: seconds that a pod may wait for its volumes.
    :param new_node_timeout: seconds that the pods of a cluster with ``launchNewNode`` may wait for its nodes; 0 means
        that no nodes are launched for clusters.
    """

    conn_id: str = "kubernetes_default"
    deployment: str = "airflow"
    namespace: str = "default"
    external_namespace: str = ""
    spark_image: str = SPARK_IMAGE
    spark3_image: str = SPARK_IMAGE
    flink_image: str = FLINK_IMAGE
    image_pull_policy: Literal["", "Always", "IfNotPresent", "Never"] = ""
    image_pull_secrets: str = ""
    service_account: str = ""
    driver_service_account: str = ""
    node_selector: str = ""
    tolerations: str = ""
    annotations: str = ""
    pod_template: str = ""
    storage_class: str = ""
    disk_size: str = "20Gi"
    spark_user: int = SPARK_USER
    flink_user: int = FLINK_USER
    cpu_limit: str = ""
    engine_access: Literal["proxy", "direct"] = "proxy"
    ui_url: str = ""
    rest_from: str = ""
    flink_storage: str = ""
    flink_ha: bool = False
    unschedulable_timeout: int = 600
    mount_timeout: int = 180
    new_node_timeout: int = 0

    def image(self, cluster_type: str) -> str:
        """The image of a cluster type."""
        return {"spark": self.spark_image, "spark3": self.spark3_image, "flink": self.flink_image}[
            cluster_type
        ]

    def user(self, engine: str) -> int:
        """The numerical user of an engine's image."""
        return self.flink_user if engine == "flink" else self.spark_user

    def cpu_limit_of(self, request: str) -> str | None:
        """The CPU limit of a container, a quantity; none where it has none.

        :param request: what it requests, a quantity.
        """
        if self.cpu_limit in {"", "none"}:
            return None
        if self.cpu_limit == "request":
            return request
        return f"{ceil(amount(request) * Decimal(self.cpu_limit) * 1000)}m"

    def unnamed_user(self, engine: str) -> int | None:
        """The user of an engine's pods; none when its image has a name for it, or who decides it gives it one."""
        user = _user_in(self.overlay) or self.user(engine)
        return None if user in {0, FLINK_USER if engine == "flink" else SPARK_USER} else user

    def namespace_of(self, spec: ClusterSpec) -> str:
        """The namespace that a cluster is in."""
        return self.external_namespace if spec.use_external_namespace else self.namespace

    def check_namespace(self, spec: ClusterSpec | JobSpec) -> None:
        """Refuse what has to go to a namespace that the connection does not have.

        :raises InvalidSpec: naming the field.
        """
        if spec.use_external_namespace and not self.external_namespace:
            raise InvalidSpec(
                "field useExternalNamespace: the connection has no external_namespace; give it one, or leave the "
                "field out"
            )

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Every namespace that clusters may be in."""
        return tuple(name for name in (self.namespace, self.external_namespace) if name)

    def has_own_nodes(self, spec: ClusterSpec) -> bool:
        """Whether nodes are launched for the cluster, which its master and workers run on."""
        return spec.launch_new_node and self.new_node_timeout > 0

    def makes_own_executors(self, spec: ClusterSpec) -> bool:
        """Whether the cluster is nothing but a driver that makes its executors itself."""
        return spec.single_job and spec.traits.has_drivers and bool(self.driver_service_account)

    @cached_property
    def common_pod(self) -> dict[str, Any]:
        """What the single fields say of every pod, as a pod template."""
        metadata = {"annotations": json.loads(self.annotations)} if self.annotations else {}
        spec: dict[str, Any] = {}
        if self.node_selector:
            spec["nodeSelector"] = json.loads(self.node_selector)
        if self.tolerations:
            spec["tolerations"] = json.loads(self.tolerations)
        if self.image_pull_secrets:
            spec["imagePullSecrets"] = [{"name": name} for name in listed(self.image_pull_secrets)]
        return {"metadata": metadata, "spec": spec}

    @cached_property
    def overlay(self) -> dict[str, Any]:
        """The pod template of the connection."""
        return dict(json.loads(self.pod_template)) if self.pod_template else {}


def _user_in(overlay: dict[str, Any]) -> int | None:
    """The user that a pod template has the engine run as; none when it says nothing of that."""
    spec = overlay.get("spec") or {}
    engine = [each for each in spec.get("containers") or () if each.get("name") == ENGINE_CONTAINER]
    users = [(part.get("securityContext") or {}).get("runAsUser") for part in (*engine, spec)]
    return next((int(user) for user in users if user is not None), None)


def listed(text: str) -> list[str]:
    """The parts of a text that commas separate."""
    return [part.strip() for part in text.split(",") if part.strip()]

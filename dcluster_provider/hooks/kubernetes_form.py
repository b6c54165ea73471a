"""The connection form's fields of the Kubernetes platform; nothing is imported here, as in ``form``."""

from __future__ import annotations

from typing import Any

from dcluster_provider.hooks.form_field import number, text

KUBERNETES_FIELDS: dict[str, dict[str, Any]] = {
    "kubernetes_conn_id": text(
        "Kubernetes connection",
        "Id of the connection of type kubernetes that credentials come from; empty means kubernetes_default.",
    ),
    "namespace": text("Namespace", "Namespace of clusters; empty means default."),
    "external_namespace": text("External namespace", "Namespace of clusters with useExternalNamespace."),
    "spark_image": text("Spark image", "Image of clusters of type spark; empty means the official one."),
    "spark3_image": text("Spark 3 image", "Image of clusters of type spark3; empty means the official one."),
    "flink_image": text("Flink image", "Image of clusters of type flink; empty means the official one."),
    "image_pull_policy": text(
        "Image pull policy",
        "Always, IfNotPresent or Never; empty leaves it to Kubernetes.",
        enum=["", "Always", "IfNotPresent", "Never", None],
    ),
    "image_pull_secrets": text("Image pull secrets", "Names of Secrets, separated by commas."),
    "service_account": text("Service account", "Of every pod; empty means the namespace's default."),
    "driver_service_account": text(
        "Driver service account",
        "Of Spark drivers that make their own executors, the fastest way for a job without a cluster; empty means that "
        "such a job gets a standalone cluster.",
    ),
    "node_selector": text("Node selector", "Of every pod, a JSON object of labels."),
    "tolerations": text("Tolerations", "Of every pod, a JSON list."),
    "annotations": text("Annotations", "Of every pod, a JSON object."),
    "pod_template": text(
        "Pod template",
        'Laid over every pod as a strategic merge patch, a JSON object; the engine\'s container is called "engine".',
    ),
    "storage_class": text(
        "Storage class", "Of the workers' own disks (launchDynamicDisk); empty means the default."
    ),
    "disk_size": text("Disk size", "Of each worker's own disk, a quantity; empty means 20Gi."),
    "spark_user": number(
        "Spark user",
        "Numerical user of the Spark images, 0 when the namespace decides it (OpenShift); empty means 185, the "
        "official images'.",
    ),
    "flink_user": number(
        "Flink user",
        "Numerical user of the Flink images, 0 when the namespace decides it (OpenShift); empty means 9999, the "
        "official images'.",
    ),
    "cpu_limit": text(
        "CPU limit",
        "Of every pod: none, request (as much as it requests) or a factor of that, such as 2; empty means what the "
        "namespace demands.",
    ),
    "engine_access": text(
        "Engine access",
        "How masters and JobManagers are asked: proxy (through the API server) or direct (from inside the cluster).",
        enum=["proxy", "direct", None],
    ),
    "ui_url": text(
        "Engine page address", "With {name} and {namespace} in it, behind an ingress for instance."
    ),
    "rest_from": text(
        "Engine access from",
        "Address ranges that may reach the engines' HTTP ports, separated by commas; empty means any.",
    ),
    "flink_storage": text(
        "Flink storage",
        "Folder for checkpoints, savepoints and high availability, as pods see it (s3://..., file:///...).",
    ),
    "flink_ha": {
        "label": "Flink high availability",
        "description": "JobManagers go on with their jobs after a restart; needs flink_storage and service_account.",
        "schema": {"type": ["boolean", "null"]},
    },
    "unschedulable_timeout": number(
        "Wait for a node",
        "Seconds that a pod may wait for a node; empty means 600, enough for an autoscaler.",
    ),
    "mount_timeout": number(
        "Wait for volumes", "Seconds that a pod may wait for its volumes; empty means 180."
    ),
}

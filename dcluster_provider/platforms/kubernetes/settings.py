"""What a connection says to the Kubernetes platform."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from dcluster_provider.core.addresses import scheme_of
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.connection_fields import Flag, Text, json_text, one_of, rejected, whole_number
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.fields import Memory
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.sizing import amount
from dcluster_provider.platforms.settings import PlatformSettings

if TYPE_CHECKING:
    from typing_extensions import Self

SPARK_USER, FLINK_USER = 185, 9999  # of the official images, which have a name for them
_IMAGE_USERS = {"spark": SPARK_USER, "flink": FLINK_USER}  # to whom the images give a name
_VERSION = "{version}"
SPARK_IMAGE, FLINK_IMAGE = f"apache/spark:{_VERSION}", f"flink:{_VERSION}"
_FACTOR = re.compile(r"100|[1-9][0-9]?(?:\.[0-9]{1,3})?", re.ASCII)
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


EngineAccess = Literal["proxy", "direct"]
ImagePullPolicy = Literal["", "Always", "IfNotPresent", "Never"]
Queueing = Literal["", "kueue", "yunikorn", "volcano"]
JsonObject = Annotated[str, json_text(dict, 'a JSON object, such as {"disk": "ssd"}')]
JsonList = Annotated[
    str, json_text(list, 'a JSON list, such as [{"key": "dedicated", "operator": "Exists"}]')
]


def _pod_template(value: Any) -> str:
    from dcluster_provider.platforms.kubernetes.manifests.overlay import parse_overlay

    try:
        return json.dumps(parse_overlay(value, "pod_template"), sort_keys=True) if value else ""
    except InvalidSpec as error:
        raise ValueError(str(error).removeprefix("pod_template: ")) from None


def _namespace(text: str) -> str:
    if text and not _DNS_LABEL.fullmatch(text):
        raise rejected(text, "a namespace is at most 63 lower case letters, digits and dashes")
    return text


def _cpu_limit(text: str) -> str:
    if text and text not in {"none", "request"} and not _FACTOR.fullmatch(text):
        raise rejected(text, "write none, request or a factor from 1 to 100, such as 1.5")
    return text


def _image_field(default: str, title: str, cluster_type: str) -> Any:
    return Field(
        default,
        title=title,
        description=f"Image of clusters of type {cluster_type}; {_VERSION} in it stands for the cluster's version.",
    )


Namespace = Annotated[Text, AfterValidator(_namespace)]


class KubernetesSettings(PlatformSettings):
    """Where and how clusters are made on Kubernetes; mappings and lists are JSON text, so that settings compare.

    :param home: a folder of this machine for the logs of jobs that have ended; none means a temporary one.
    :param new_node_timeout: seconds that the pods of a cluster with ``launchNewNode`` may wait for its nodes; 0 means
        that no nodes are launched for clusters.
    """

    home: Path | None = None
    new_node_timeout: int = 0
    conn_id: Text = Field(
        "kubernetes_default",
        alias="kubernetes_conn_id",
        title="Kubernetes connection",
        description="Id of the connection of type kubernetes that credentials come from.",
    )
    namespace: Namespace = Field("default", title="Namespace", description="Namespace of clusters.")
    external_namespace: Namespace = Field(
        "",
        title="External namespace",
        description="Namespace of clusters with useExternalNamespace; empty means that there is none.",
    )
    spark_image: Text = _image_field(SPARK_IMAGE, "Spark image", "spark")
    spark3_image: Text = _image_field(SPARK_IMAGE, "Spark 3 image", "spark3")
    spark4_image: Text = _image_field(SPARK_IMAGE, "Spark 4 image", "spark4")
    flink_image: Text = _image_field(FLINK_IMAGE, "Flink image", "flink")
    image_pull_policy: Annotated[ImagePullPolicy, one_of(*get_args(ImagePullPolicy))] = Field(
        "",
        title="Image pull policy",
        description="Always, IfNotPresent or Never; empty leaves it to Kubernetes.",
    )
    image_pull_secrets: Text = Field(
        "", title="Image pull secrets", description="Names of Secrets, separated by commas."
    )
    service_account: Text = Field(
        "",
        title="Service account",
        description="Service account of every pod but drivers that make their own executors; empty means the "
        "namespace's default.",
    )
    driver_service_account: Text = Field(
        "",
        title="Driver service account",
        description="Service account of Spark drivers that make their own executors, the fastest way for a job "
        "without a cluster; empty means that such a job gets a standalone cluster.",
    )
    node_selector: JsonObject = Field(
        "", title="Node selector", description="Node selector of every pod, a JSON object of labels."
    )
    tolerations: JsonList = Field(
        "", title="Tolerations", description="Tolerations of every pod, a JSON list."
    )
    annotations: JsonObject = Field(
        "", title="Annotations", description="Annotations of every pod, a JSON object."
    )
    pod_template: Annotated[str, BeforeValidator(_pod_template)] = Field(
        "",
        title="Pod template",
        description="A strategic merge patch for every pod, a JSON object with metadata and spec; the engine's "
        'container is called "engine".',
    )
    storage_class: Text = Field(
        "",
        title="Storage class",
        description="Storage class of the workers' own disks (launchDynamicDisk); empty means the cluster's default.",
    )
    disk_size: Memory = Field(
        "20Gi", title="Disk size", description="Size of each worker's own disk, a quantity."
    )
    spark_user: Annotated[int, whole_number(0)] = Field(
        SPARK_USER,
        title="Spark user",
        description="Numerical user of the Spark images; 0 when the namespace assigns one, as on OpenShift.",
    )
    flink_user: Annotated[int, whole_number(0)] = Field(
        FLINK_USER,
        title="Flink user",
        description="Numerical user of the Flink images; 0 when the namespace assigns one, as on OpenShift.",
    )
    cpu_limit: Annotated[Text, AfterValidator(_cpu_limit)] = Field(
        "",
        title="CPU limit",
        description="CPU limit of every pod: none, request (as much as it requests) or a factor of that, such as 2; "
        "empty means request where the namespace demands a limit, and none elsewhere.",
    )
    engine_access: Annotated[EngineAccess, one_of(*get_args(EngineAccess))] = Field(
        "proxy",
        title="Engine access",
        description="How Spark masters and JobManagers are reached: proxy (through the API server) or direct (from "
        "inside the cluster).",
    )
    ui_url: Text = Field(
        "",
        title="Engine page address",
        description="Address of an engine's page, behind an ingress for instance, with {name} and {namespace} in it; "
        "empty means that there is none.",
    )
    rest_from: Text = Field(
        "",
        title="Engine access from",
        description="Address ranges that may reach the engines' HTTP ports, separated by commas; empty means any.",
    )
    staging: Text = Field(
        "",
        title="Staging",
        description="Folder of object storage, such as s3://CONNECTION@bucket/folder, over which files reach pods that "
        "are too large to travel with a job (16 MiB); empty means that such files are rejected.",
    )
    flink_storage: Text = Field(
        "",
        title="Flink storage",
        description="Folder for checkpoints, savepoints and high availability, as pods see it (s3://..., "
        "file:///...); empty means none.",
    )
    flink_ha: Flag = Field(
        False,
        title="Flink high availability",
        description="JobManagers resume their jobs after a restart; needs flink_storage and service_account.",
    )
    queueing: Annotated[Queueing, one_of(*get_args(Queueing))] = Field(
        "",
        title="Queueing",
        description="What admits clusters from queues: kueue, yunikorn or volcano; empty means that there are none.",
    )
    queue_name: Text = Field(
        "",
        title="Queue",
        description="Queue of clusters whose specification names none; empty means that those are in none.",
    )
    unschedulable_timeout: Annotated[int, whole_number(0)] = Field(
        600,
        title="Wait for a node",
        description="Seconds that a pod may wait for a node; an autoscaler needs minutes.",
    )
    mount_timeout: Annotated[int, whole_number(0)] = Field(
        180, title="Wait for volumes", description="Seconds that a pod may wait for its volumes."
    )

    @model_validator(mode="after")
    def _check_staging(self) -> Self:
        if self.staging and (scheme_of(self.staging) in ("", "file", "local", "http", "https")):
            raise ValueError(
                f"field staging: {self.staging!r} is no folder of object storage; write one such as "
                "s3://CONNECTION@bucket/folder"
            )
        return self

    @model_validator(mode="after")
    def _check_high_availability(self) -> Self:
        if self.flink_ha and not (self.flink_storage and self.service_account):
            raise ValueError(
                "field flink_ha: needs flink_storage (where the JobManager keeps its state) and service_account (one "
                "that may edit ConfigMaps)"
            )
        return self

    def image(self, spec: ClusterSpec) -> str:
        """The image of a cluster, which the field of its type names, or that of its engine."""
        image: str = getattr(self, self._image_field(spec))
        return image.replace(_VERSION, self.version(spec.type, spec.engine_version).version)

    def check_image(self, spec: ClusterSpec) -> None:
        """Refuse a version that the image does not follow.

        :raises InvalidSpec: naming the field, and the connection's.
        """
        field = self._image_field(spec)
        if spec.engine_version and _VERSION not in getattr(self, field):
            raise InvalidSpec(
                f"ClusterSpec: field engineVersion: the connection's {field} is {getattr(self, field)!r} whatever the "
                f"version; put {_VERSION} into it, or leave engineVersion out"
            )

    def _image_field(self, spec: ClusterSpec) -> str:
        own = f"{spec.type}_image"
        return own if own in type(self).model_fields else f"{spec.engine}_image"

    def user(self, engine: str) -> int:
        """The numerical user of an engine's image."""
        return {"spark": self.spark_user, "flink": self.flink_user}[engine]

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
        return None if user in {0, _IMAGE_USERS[engine]} else user

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

    def queue_of(self, spec: ClusterSpec) -> str:
        """The queue that a cluster waits in; empty when it waits in none."""
        return (spec.queue_name or self.queue_name) if self.queueing else ""

    def check_queue(self, spec: ClusterSpec) -> None:
        """Refuse a queue that nothing admits clusters from.

        :raises InvalidSpec: naming the field, and the connection's.
        """
        if spec.queue_name and not self.queueing:
            raise InvalidSpec(
                f"ClusterSpec: field queueName: nothing admits clusters from the queue {spec.queue_name!r}; write "
                "kueue, yunikorn or volcano into queueing of the connection, or leave it out"
            )
        if spec.launch_new_node and self.queue_of(spec):
            raise InvalidSpec(
                f"ClusterSpec: field launchNewNode: the cluster waits in the queue {self.queue_of(spec)!r}, and its "
                "nodes would cost money meanwhile; leave it out, or use a connection without queue_name"
            )
        if spec.priority_class_name and not self.queue_of(spec):
            raise InvalidSpec(
                "ClusterSpec: field priorityClassName: orders clusters in a queue, and this one is in none; give "
                "queueName, too, or leave it out"
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

    @property
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

    @property
    def overlay(self) -> dict[str, Any]:
        """The pod template of the connection."""
        return dict(json.loads(self.pod_template)) if self.pod_template else {}


def _user_in(overlay: dict[str, Any]) -> int | None:
    """The user that a pod template has the engine run as; none when it says nothing of that."""
    from dcluster_provider.platforms.kubernetes.pods.pod import ENGINE_CONTAINER

    spec = overlay.get("spec") or {}
    engine = [each for each in spec.get("containers") or () if each.get("name") == ENGINE_CONTAINER]
    users = [(part.get("securityContext") or {}).get("runAsUser") for part in (*engine, spec)]
    return next((int(user) for user in users if user is not None), None)


def listed(text: str) -> list[str]:
    """The parts of a text that commas separate."""
    return [part.strip() for part in text.split(",") if part.strip()]

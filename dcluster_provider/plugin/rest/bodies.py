"""The request bodies as the OpenAPI description shows them: the schemas of the specifications, with examples."""

from __future__ import annotations

from typing import Any

from dcluster_provider.core.cluster_spec import ClusterSize, ClusterSpec
from dcluster_provider.core.entity import Entity
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.machines import DestroyRequest, NodeRequest

_SIZES = {
    "tenant": "my-team",
    "workers": 3,
    "workerCpu": "2",
    "workerMemory": "8Gi",
    "masterCpu": "1",
    "masterMemory": "4Gi",
}
SPARK_CLUSTER = _SIZES | {"type": "spark", "extraConfigs": '{"spark.executor.instances": 2}'}
SPARK3_CLUSTER = SPARK_CLUSTER | {
    "type": "spark3",
    "useOnDemandMaster": True,
    "launchNewNode": True,
    "launchDynamicDisk": False,
    "useExternalNamespace": False,
    "clusterSuffix": "",
}
FLINK_CLUSTER = _SIZES | {"workers": 2, "type": "flink", "useOnDemandMaster": True, "launchNewNode": True}
JOB = {
    "client": "my-team",
    "module": "data-processing",
    "clusterName": "spark-dev-myteam-123",
    "extraCmd": '{"spark.executor.instances": 2}',
    "driverMemGb": 4,
    "workerMemGb": 8,
    "numWorkers": 3,
    "emailRecipients": "team@example.com",
    "pipelineVersion": "1.0.0",
    "pipelineConfig": "config.json",
    "codeVersion": "v1.0",
    "jobType": "spark",
    "moduleType": "spark",
    "keepAlive": False,
    "useLongLivingCluster": False,
    "useExternalCluster": False,
    "useExternalNamespace": False,
}
NODES = {"nodeCount": 3, "instanceType": "m5.large", "region": "us-west-2"}
NODE_IDS = {"nodeIds": ["i-1234567890abcdef0"], "region": "us-west-2"}
INSTANCE = {"instanceType": "m5.large", "state": "running"}


def cluster_body(example: dict[str, Any], default_type: str) -> dict[str, Any]:
    """The description of a body that is a ClusterEntity.

    :param example: the body shown as an example.
    :param default_type: the cluster type of a body without ``type``.
    """
    body = _body(ClusterSpec, example)
    body["requestBody"]["content"]["application/json"]["schema"]["properties"]["type"]["default"] = (
        default_type
    )
    return body


def size_body() -> dict[str, Any]:
    """The description of a body that says how large a cluster is to be."""
    return _body(ClusterSize, {"workers": 4})


def job_body() -> dict[str, Any]:
    """The description of a body that is a JobsTableEntity."""
    return _body(JobSpec, JOB)


def node_body() -> dict[str, Any]:
    """The description of a body that requests nodes."""
    return _body(NodeRequest, NODES)


def node_ids_body() -> dict[str, Any]:
    """The description of a body that names the nodes to destroy."""
    return _body(DestroyRequest, NODE_IDS)


def instance_body() -> dict[str, Any]:
    """The description of a body with an instance's own information, which may be any JSON object."""
    return _described({"type": "object", "title": "Instance"}, INSTANCE)


def _body(kind: type[Entity], example: dict[str, Any]) -> dict[str, Any]:
    schema = kind.model_json_schema(by_alias=True)
    for name in ("extraConfigs", "extraCmd"):
        if name in schema["properties"]:
            settings = schema["properties"][name]
            text = {"type": "string", "description": "The same as JSON text."}
            shown = {key: settings.pop(key) for key in ("title", "description")}
            schema["properties"][name] = shown | {"anyOf": [settings, text]}
    return _described({**schema, "additionalProperties": False}, example)


def _described(schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}

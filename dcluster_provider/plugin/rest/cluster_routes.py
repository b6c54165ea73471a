"""The routes of the ClusterController."""

from __future__ import annotations

from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002  # FastAPI reads annotations
from fastapi import APIRouter, Path, Response

from dcluster_provider.control.resizing import check_size
from dcluster_provider.core.cluster_spec import ClusterSize, ClusterSpec
from dcluster_provider.core.engine_traits import types_of
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.redaction import redaction
from dcluster_provider.core.spec import parse
from dcluster_provider.dags.ids import INSTANCE_SYNC, LAUNCH_CLUSTER, RESIZE_CLUSTER, TERMINATE_CLUSTER
from dcluster_provider.hooks.connection import DEFAULT_CONN_ID
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.plugin.rest import bodies, bounded_observer
from dcluster_provider.plugin.rest.access import may_read, may_run
from dcluster_provider.plugin.rest.paths import with_slashes
from dcluster_provider.plugin.rest.requests import (
    ClusterId,
    ConnId,
    IdempotencyKey,
    JsonObject,
    cluster_and_hook,
    request_key,
)
from dcluster_provider.plugin.rest.runs import ensure_run, require_dag

router = APIRouter(tags=["Clusters"])
_LAUNCH_ROUTES = {
    "spark": "POST /v2/launch/spark/cluster",
    "flink": "POST /launch/flink/cluster",
}  # by engine


@router.get("/", response_model=str, summary="Whether the service is available", responses={401: {}, 403: {}})
def service() -> str:
    """Answers ``Cluster Service``; the one call that needs no token."""
    return "Cluster Service"


@router.post(
    "/launch/spark/cluster",
    summary="Launch a Spark cluster (older version)",
    dependencies=[may_run(LAUNCH_CLUSTER)],
    openapi_extra=bodies.cluster_body(bodies.SPARK_CLUSTER, "spark"),
)
def launch_spark(
    body: JsonObject, user: GetUserDep, conn_id: ConnId = None, key: IdempotencyKey = None
) -> int:
    """Returns the cluster's id at once; a run of ``dcluster_launch_cluster`` launches the cluster."""
    return _launch({"type": "spark", **body}, types_of("spark"), user, conn_id, key)


@router.post(
    "/v2/launch/spark/cluster",
    summary="Launch a Spark cluster",
    dependencies=[may_run(LAUNCH_CLUSTER)],
    openapi_extra=bodies.cluster_body(bodies.SPARK3_CLUSTER, "spark3"),
)
def launch_spark3(
    body: JsonObject, user: GetUserDep, conn_id: ConnId = None, key: IdempotencyKey = None
) -> int:
    """Returns the cluster's id at once; a run of ``dcluster_launch_cluster`` launches the cluster."""
    return _launch({"type": "spark3", **body}, types_of("spark"), user, conn_id, key)


@router.post(
    "/launch/flink/cluster",
    summary="Launch a Flink cluster",
    dependencies=[may_run(LAUNCH_CLUSTER)],
    openapi_extra=bodies.cluster_body(bodies.FLINK_CLUSTER, "flink"),
)
def launch_flink(
    body: JsonObject, user: GetUserDep, conn_id: ConnId = None, key: IdempotencyKey = None
) -> int:
    """Returns the cluster's id at once; a run of ``dcluster_launch_cluster`` launches the cluster."""
    return _launch({"type": "flink", **body}, types_of("flink"), user, conn_id, key)


@router.get(
    "/status/cluster/name/{name}",
    summary="The state of a cluster, by its name",
    dependencies=[may_read(LAUNCH_CLUSTER)],
)
def status_by_name(
    name: Annotated[str, Path(description="The cluster's name.")], response: Response, conn_id: ConnId = None
) -> str:
    """The current state, such as ``RUNNING``; also of a Spark cluster."""
    return _status(with_slashes(name), conn_id, response)


@router.get(
    "/status/cluster/{cluster_id}", summary="The state of a cluster", dependencies=[may_read(LAUNCH_CLUSTER)]
)
def status(cluster_id: ClusterId, response: Response, conn_id: ConnId = None) -> str:
    """The current state, such as ``RUNNING``; also of a Spark cluster."""
    return _status(cluster_id, conn_id, response)


@router.get(
    "/status/spark/cluster/{cluster_id}",
    summary="The state of a Spark cluster",
    dependencies=[may_read(LAUNCH_CLUSTER)],
)
def spark_status(cluster_id: ClusterId, response: Response, conn_id: ConnId = None) -> str:
    """The current state, such as ``RUNNING``; also of a Flink cluster."""
    return _status(cluster_id, conn_id, response)


@router.delete(
    "/terminate/spark/{cluster_id}",
    summary="Terminate a Spark cluster",
    dependencies=[may_run(TERMINATE_CLUSTER)],
)
def terminate_spark(cluster_id: ClusterId, user: GetUserDep, conn_id: ConnId = None) -> str:
    """Returns at once; a run of ``dcluster_terminate_cluster`` terminates the cluster and the jobs on it."""
    return _terminate(cluster_id, "spark", user, conn_id)


@router.get(
    "/terminate/flink/{cluster_id}",
    summary="Terminate a Flink cluster",
    dependencies=[may_run(TERMINATE_CLUSTER)],
)
def terminate_flink(cluster_id: ClusterId, user: GetUserDep, conn_id: ConnId = None) -> str:
    """Returns at once; a run of ``dcluster_terminate_cluster`` terminates the cluster and the jobs on it."""
    return _terminate(cluster_id, "flink", user, conn_id)


@router.post(
    "/resize/cluster/{cluster_id}",
    summary="Resize a running elastic cluster",
    dependencies=[may_run(RESIZE_CLUSTER)],
    openapi_extra=bodies.size_body(),
)
def resize(
    cluster_id: ClusterId,
    body: JsonObject,
    user: GetUserDep,
    conn_id: ConnId = None,
    key: IdempotencyKey = None,
) -> str:
    """Returns at once; a run of ``dcluster_resize_cluster`` gives the cluster that number of workers."""
    workers = parse(ClusterSize, body).workers
    hook, cluster = cluster_and_hook(conn_id, cluster_id)
    check_size(hook.control.platform, cluster, workers)
    stored = request_key(hook, "resize", user.get_id(), key)
    conf = {"cluster_id": cluster.id, "workers": workers, "dcluster_conn_id": cluster.conn_id}
    ensure_run(RESIZE_CLUSTER, f"rest__cluster_{cluster.id}_{stored[:16]}", conf, user.get_name())
    return f"Cluster {cluster.id} ({cluster.name}) is being resized to {workers} workers"


@router.post(
    "/log/instance/{instance_id}",
    summary="Record what an instance reports of itself",
    response_class=Response,
    dependencies=[may_run(INSTANCE_SYNC)],
    openapi_extra=bodies.instance_body(),
)
def record_instance(
    instance_id: Annotated[str, Path(examples=["i-1234567890abcdef0"])],
    body: JsonObject,
    conn_id: ConnId = None,
) -> Response:
    """Replaces the earlier report of the instance; the response is empty."""
    DClusterHook(conn_id or DEFAULT_CONN_ID).nodes.record_instance(with_slashes(instance_id), body)
    return Response()


def _launch(
    body: dict[str, Any], types: tuple[str, ...], user: GetUserDep, conn_id: str | None, key: str | None
) -> int:
    spec = parse(ClusterSpec, body)
    if spec.type not in types:
        raise InvalidSpec(
            f"ClusterSpec: field type: {spec.type!r} is launched by {_LAUNCH_ROUTES[spec.engine]}; call that, or write "
            f"{' or '.join(map(repr, types))}"
        )
    hook = DClusterHook(conn_id or DEFAULT_CONN_ID)
    require_dag(LAUNCH_CLUSTER)
    stored = request_key(hook, "cluster", user.get_id(), key)
    actor = f"{user.get_name()} (REST)"
    cluster = hook.clusters.of_key(stored) or hook.clusters.request(spec, stored, actor=actor)
    asked = cluster.spec
    if asked.is_elastic:  # it may have been resized since
        asked = asked.model_copy(update={"workers": spec.workers})
    if (asked, cluster.conn_id) != (spec, hook.dcluster_conn_id):
        raise InvalidSpec(
            f"header Idempotency-Key: {key!r} came with another request, which {cluster} answers; send a key of its "
            "own with each request"
        )
    if not cluster.state.is_final:
        # The run's parameters are visible to everyone who may see runs; the cluster is made from the registry's record.
        conf = redaction().fields(spec.model_dump(mode="json")) | {
            "dcluster_conn_id": cluster.conn_id,
            "request_key": stored,
        }
        ensure_run(LAUNCH_CLUSTER, f"rest__cluster_{cluster.id}", conf, user.get_name())
    return cluster.id


def _status(cluster: int | str, conn_id: str | None, response: Response) -> str:
    observed = bounded_observer.OBSERVER.cluster(*cluster_and_hook(conn_id, cluster))
    observed.mark_stale(response)
    return observed.record.state.value


def _terminate(cluster_id: int, engine: str, user: GetUserDep, conn_id: str | None) -> str:
    _, cluster = cluster_and_hook(conn_id, cluster_id)
    if cluster.spec.engine != engine:
        right = {"spark": "DELETE /terminate/spark", "flink": "GET /terminate/flink"}[cluster.spec.engine]
        raise InvalidSpec(f"{cluster} is of type {cluster.type!r}; terminate it with {right}/{cluster.id}")
    if cluster.state.is_final:
        return f"Cluster {cluster.id} ({cluster.name}) has ended already: {cluster.state.value}"
    conf = {"cluster_id": cluster.id, "force": True, "dcluster_conn_id": cluster.conn_id}
    ensure_run(TERMINATE_CLUSTER, f"rest__cluster_{cluster.id}", conf, user.get_name())
    return f"Cluster {cluster.id} ({cluster.name}) is being terminated"

"""The routes of the NodeController and the CloudController."""

from __future__ import annotations

from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002  # FastAPI reads annotations
from fastapi import APIRouter, Query, Response

from dcluster_provider.core.identity import derived_key, fresh_key
from dcluster_provider.core.machines import NodeRequest
from dcluster_provider.dags.ids import DESTROY_NODES, INSTANCE_SYNC, LAUNCH_NODES
from dcluster_provider.hooks.connection import DEFAULT_CONN_ID
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.plugin.rest import bodies
from dcluster_provider.plugin.rest.access import may_read, may_run
from dcluster_provider.plugin.rest.requests import ConnId, IdempotencyKey, JsonObject
from dcluster_provider.plugin.rest.runs import ensure_run

router = APIRouter(tags=["Nodes"])

Region = Annotated[
    str,
    Query(pattern=r"^[\w-]*$", max_length=64, description=NodeRequest.model_fields["region"].description),
]


@router.post(
    "/node/launch",
    summary="Launch nodes",
    response_class=Response,
    dependencies=[may_run(LAUNCH_NODES)],
    openapi_extra=bodies.node_body(),
)
def launch(
    body: JsonObject, user: GetUserDep, conn_id: ConnId = None, key: IdempotencyKey = None
) -> Response:
    """Returns an empty response at once; a run of ``dcluster_launch_nodes`` launches the nodes.

    Rejected on a connection without a cloud.
    """
    hook = DClusterHook(conn_id or DEFAULT_CONN_ID)
    conf = hook.nodes.check_launch(body).model_dump(mode="json")
    mark = derived_key(user.get_id(), f"nodes {key}") if key else fresh_key()
    _start(LAUNCH_NODES, mark, conf | {"request_key": mark}, hook, user)
    return Response()


@router.post(
    "/node/destroy",
    summary="Destroy nodes",
    response_class=Response,
    dependencies=[may_run(DESTROY_NODES)],
    openapi_extra=bodies.node_ids_body(),
)
def destroy(
    body: JsonObject, user: GetUserDep, conn_id: ConnId = None, key: IdempotencyKey = None
) -> Response:
    """Returns an empty response at once; a run of ``dcluster_destroy_nodes`` drains and releases the nodes.

    Rejected on a connection without a cloud.
    """
    hook = DClusterHook(conn_id or DEFAULT_CONN_ID)
    conf = hook.nodes.check_destroy(body).model_dump(mode="json")
    mark = derived_key(user.get_id(), f"nodes {key}") if key else fresh_key()
    _start(DESTROY_NODES, mark, conf, hook, user)
    return Response()


@router.get(
    "/ec2-info", summary="The instance types on offer", tags=["Cloud"], dependencies=[may_read(INSTANCE_SYNC)]
)
def instance_types(region: Region = "", conn_id: ConnId = None) -> list[str]:
    """The instance types that the cloud offers, sorted; none on a connection without a cloud."""
    return sorted(DClusterHook(conn_id or DEFAULT_CONN_ID).nodes.instance_types(region))


@router.get(
    "/ec2-list-info",
    summary="Record the instances of the cloud",
    tags=["Cloud"],
    dependencies=[may_run(INSTANCE_SYNC)],
)
def sync_instances(region: Region = "", conn_id: ConnId = None) -> int:
    """Records every instance that the cloud lists, and returns their number."""
    return DClusterHook(conn_id or DEFAULT_CONN_ID).nodes.sync_instances(region)


def _start(dag_id: str, mark: str, conf: dict[str, Any], hook: DClusterHook, user: GetUserDep) -> None:
    conf = conf | {"dcluster_conn_id": hook.dcluster_conn_id}
    ensure_run(dag_id, f"rest__{mark}", conf, user.get_name())

"""The routes that start maintenance at once."""

from __future__ import annotations

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002  # FastAPI reads annotations
from fastapi import APIRouter, Response

from dcluster_provider.core.identity import derived_key, fresh_key
from dcluster_provider.dags.ids import CLUSTER_CHECK, NODE_CLEANUP
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.plugin.rest.access import may_run
from dcluster_provider.plugin.rest.requests import ConnId, IdempotencyKey
from dcluster_provider.plugin.rest.runs import ensure_run, is_queued

router = APIRouter()


@router.get(
    "/cluster/check", summary="Check the clusters", tags=["Jobs"], dependencies=[may_run(CLUSTER_CHECK)]
)
def check_clusters(user: GetUserDep, conn_id: ConnId = None, key: IdempotencyKey = None) -> str:
    """Returns at once; a run of ``dcluster_cluster_check`` polls every cluster and terminates those that are due."""
    return run_upkeep(CLUSTER_CHECK, "The cluster check", user, conn_id, key)


@router.get(
    "/node/croncleanup",
    summary="Clean up unused nodes",
    tags=["Nodes"],
    response_class=Response,
    dependencies=[may_run(NODE_CLEANUP)],
)
def clean_up_nodes(user: GetUserDep, conn_id: ConnId = None, key: IdempotencyKey = None) -> Response:
    """Returns an empty response at once; a run of ``dcluster_node_cleanup`` releases unused machines."""
    run_upkeep(NODE_CLEANUP, "The clean-up of nodes", user, conn_id, key)
    return Response()


def run_upkeep(dag_id: str, what: str, user: GetUserDep, conn_id: str | None, key: str | None) -> str:
    """Start a run of a maintenance DAG, unless a queued one will do the same.

    :param what: the work, for the answer.
    :returns: what happens with the request, in a sentence.
    """
    conf = {}
    if conn_id is not None:
        conf["dcluster_conn_ids"] = [DClusterHook(conn_id).settings.conn_id]
    if key is None and is_queued(dag_id, conf):
        return f"{what} was requested already and is about to start"
    mark = derived_key(user.get_id(), key) if key else fresh_key()
    ensure_run(dag_id, f"rest__{mark}", conf, user.get_name())
    return f"{what} has been started"

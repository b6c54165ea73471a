"""Destroys the machines that REST or the Trigger form names."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from dcluster_provider.dags.configuration import for_requests
from dcluster_provider.dags.ids import DESTROY_NODES
from dcluster_provider.dags.params import request_params
from dcluster_provider.operators.node import DClusterDestroyNodesOperator

with DAG(
    DESTROY_NODES,
    dag_display_name="Destroy nodes",
    description="Drains machines of the Kubernetes cluster and gives them back to the connection's cloud.",
    doc_md="The task returns the ids of the machines that it gave back.",
    params={
        "node_ids": Param(
            type="array",
            items={"type": "string"},
            minItems=1,
            title="Node ids",
            description="The cloud's ids of the machines, one a line.",
            section="Nodes",
        ),
        "region": Param(
            "",
            type=["string", "null"],
            title="Region",
            description="The cloud's region; empty means the connection's.",
            section="Nodes",
        ),
        **request_params(),
    },
    schedule=None,
    **for_requests(),
):
    DClusterDestroyNodesOperator(
        task_id="destroy",
        dcluster_conn_id="{{ params.dcluster_conn_id }}",
        node_ids="{{ params.node_ids | join(',') }}",
        region="{{ params.region or '' }}",
    )

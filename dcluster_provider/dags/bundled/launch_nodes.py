"""Launches the machines that REST or the Trigger form asks for."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from dcluster_provider.dags.configuration import for_requests
from dcluster_provider.dags.ids import LAUNCH_NODES
from dcluster_provider.dags.params import request_params
from dcluster_provider.operators.node import DClusterLaunchNodesOperator

with DAG(
    LAUNCH_NODES,
    dag_display_name="Launch nodes",
    description="Adds machines of the connection's cloud to the Kubernetes cluster.",
    doc_md="The task returns the ids of the machines.",
    params={
        "node_count": Param(
            1,
            type="integer",
            minimum=1,
            maximum=1000,
            title="Number of nodes",
            description="How many machines to launch.",
            section="Nodes",
        ),
        "instance_type": Param(
            type="string",
            minLength=1,
            title="Instance type",
            description="The cloud's name of the kind of machine, for example m5.large.",
            section="Nodes",
        ),
        "region": Param(
            "",
            type=["string", "null"],
            title="Region",
            description="The cloud's region; empty means the connection's.",
            section="Nodes",
        ),
        **request_params(key=True),
    },
    schedule=None,
    **for_requests(),
):
    DClusterLaunchNodesOperator(
        task_id="launch",
        dcluster_conn_id="{{ params.dcluster_conn_id }}",
        request_key="{{ params.request_key or '' }}",
        node_count="{{ params.node_count }}",
        instance_type="{{ params.instance_type }}",
        region="{{ params.region or '' }}",
    )

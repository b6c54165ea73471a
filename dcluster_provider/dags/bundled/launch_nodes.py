"""Launches the nodes that a REST call or the Trigger form requests."""

from __future__ import annotations

from airflow.sdk import DAG

from dcluster_provider.core.machines import NodeRequest
from dcluster_provider.dags.configuration import for_requests
from dcluster_provider.dags.ids import LAUNCH_NODES
from dcluster_provider.dags.params import request_params, spec_json, spec_params
from dcluster_provider.operators.node import DClusterLaunchNodesOperator

with DAG(
    LAUNCH_NODES,
    dag_display_name="Launch nodes",
    description="Launches nodes of the connection's cloud, which join the Kubernetes cluster.",
    doc_md="The task returns the ids of the nodes' instances.",
    params=spec_params(NodeRequest, node_count=1) | request_params(key=True),
    user_defined_macros={"node_json": spec_json(NodeRequest)},
    schedule=None,
    **for_requests(),
):
    DClusterLaunchNodesOperator(
        task_id="launch",
        dcluster_conn_id="{{ params.dcluster_conn_id }}",
        request_key="{{ params.request_key or '' }}",
        spec="{{ node_json(params) }}",
    )

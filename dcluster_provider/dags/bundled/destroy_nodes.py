"""Destroys the nodes that a REST call or the Trigger form names."""

from __future__ import annotations

from airflow.sdk import DAG

from dcluster_provider.core.machines import DestroyRequest
from dcluster_provider.dags.configuration import for_requests
from dcluster_provider.dags.ids import DESTROY_NODES
from dcluster_provider.dags.params import request_params, spec_params
from dcluster_provider.operators.node import DClusterDestroyNodesOperator

with DAG(
    DESTROY_NODES,
    dag_display_name="Destroy nodes",
    description="Drains nodes of the Kubernetes cluster and releases them to the connection's cloud.",
    doc_md="The task returns the ids of the instances that it released.",
    params=spec_params(DestroyRequest) | request_params(),
    schedule=None,
    **for_requests(),
):
    DClusterDestroyNodesOperator(
        task_id="destroy",
        dcluster_conn_id="{{ params.dcluster_conn_id }}",
        node_ids="{{ params.node_ids | join(',') }}",
        region="{{ params.region or '' }}",
    )

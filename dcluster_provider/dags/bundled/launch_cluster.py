"""Launches the cluster that a REST call or the Trigger form requests."""

from __future__ import annotations

from airflow.sdk import DAG

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.dags.configuration import for_requests, number
from dcluster_provider.dags.ids import LAUNCH_CLUSTER
from dcluster_provider.dags.params import request_params, spec_json, spec_params
from dcluster_provider.operators.requested import DClusterRequestedLaunchOperator

with DAG(
    LAUNCH_CLUSTER,
    dag_display_name="Launch a Spark or Flink cluster",
    description="Launches a cluster that belongs to no run: it stays until it is terminated or reaches a limit.",
    doc_md="The task returns the cluster's id. Mark the run failed during the launch to terminate the cluster.",
    params=spec_params(ClusterSpec, workers=None) | request_params(key=True),
    user_defined_macros={"cluster_json": spec_json(ClusterSpec)},
    schedule=None,
    **for_requests(),
):
    DClusterRequestedLaunchOperator(
        task_id="launch",
        dcluster_conn_id="{{ params.dcluster_conn_id }}",
        request_key="{{ params.request_key or '' }}",
        spec="{{ cluster_json(params) }}",
        launch_timeout=number("launch_timeout"),
    )

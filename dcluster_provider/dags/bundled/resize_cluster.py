"""Resizes the cluster that a REST call or the Trigger form names."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from dcluster_provider.core.cluster_spec import ClusterSize
from dcluster_provider.dags.configuration import for_requests
from dcluster_provider.dags.ids import RESIZE_CLUSTER
from dcluster_provider.dags.params import request_params, spec_param
from dcluster_provider.operators.cluster import DClusterResizeOperator

with DAG(
    RESIZE_CLUSTER,
    dag_display_name="Resize a cluster",
    description="Gives a running elastic cluster another number of workers.",
    doc_md="Its jobs go on. A cluster is elastic that was launched with the field Max workers.",
    params={
        "cluster_id": Param(
            type="integer",
            minimum=1,
            title="Cluster id",
            description="The cluster to resize.",
            section="Cluster",
        ),
        "workers": spec_param(ClusterSize, "workers", "Cluster"),
        **request_params(),
    },
    schedule=None,
    **for_requests(),
):
    DClusterResizeOperator(
        task_id="resize",
        dcluster_conn_id="{{ params.dcluster_conn_id }}",
        cluster_id="{{ params.cluster_id }}",
        workers="{{ params.workers }}",
    )

"""Terminates the cluster that a REST call or the Trigger form names."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from dcluster_provider.dags.configuration import for_requests
from dcluster_provider.dags.ids import TERMINATE_CLUSTER
from dcluster_provider.dags.params import request_params
from dcluster_provider.operators.cluster import DClusterTerminateOperator

with DAG(
    TERMINATE_CLUSTER,
    dag_display_name="Terminate a cluster",
    description="Terminates a cluster and the jobs on it.",
    doc_md="A cluster that has ended already is no error.",
    params={
        "cluster_id": Param(
            type="integer",
            minimum=1,
            title="Cluster id",
            description="The cluster to terminate. The jobs on it are stopped.",
            section="Cluster",
        ),
        "force": Param(
            False,
            type="boolean",
            title="Under the jobs of others",
            description="Terminate a long-living cluster under live jobs of other DAG runs, too; they are stopped.",
            section="Cluster",
        ),
        **request_params(),
    },
    schedule=None,
    **for_requests(),
):
    DClusterTerminateOperator(
        task_id="terminate",
        dcluster_conn_id="{{ params.dcluster_conn_id }}",
        cluster_id="{{ params.cluster_id }}",
        force="{{ params.force }}",
    )

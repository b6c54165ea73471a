"""Checks the clusters of every maintained connection."""

from __future__ import annotations

from airflow.sdk import DAG

from dcluster_provider.dags.configuration import each_connection, for_upkeep, schedule
from dcluster_provider.dags.ids import CLUSTER_CHECK
from dcluster_provider.dags.params import conn_ids_param, dry_run_param
from dcluster_provider.operators.upkeep import DClusterCheckClustersOperator

with DAG(
    CLUSTER_CHECK,
    dag_display_name="Check the clusters",
    description="Terminates orphaned clusters, stops orphaned jobs, and completes what was interrupted.",
    doc_md="The task returns what it checked, did and left, and logs it as a table.",
    params={"dcluster_conn_ids": conn_ids_param(), "dry_run": dry_run_param()},
    schedule=schedule("cluster_check_schedule"),
    **for_upkeep(),
):
    DClusterCheckClustersOperator.partial(task_id="check", dry_run="{{ params.dry_run }}").expand(
        dcluster_conn_id=each_connection()
    )

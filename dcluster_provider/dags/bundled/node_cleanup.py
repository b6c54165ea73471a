"""Releases unused machines."""

from __future__ import annotations

from airflow.sdk import DAG

from dcluster_provider.dags.configuration import each_connection, for_upkeep, schedule
from dcluster_provider.dags.ids import NODE_CLEANUP
from dcluster_provider.dags.params import conn_ids_param, dry_run_param
from dcluster_provider.operators.upkeep import DClusterCleanupNodesOperator

with DAG(
    NODE_CLEANUP,
    dag_display_name="Clean up unused nodes",
    description="Releases machines of each connection's cloud that nothing has used for a while.",
    doc_md="The task returns what it checked, did and left; a connection without a cloud has no such machines.",
    params={"dcluster_conn_ids": conn_ids_param(), "dry_run": dry_run_param()},
    schedule=schedule("node_cleanup_schedule"),
    **for_upkeep(),
):
    DClusterCleanupNodesOperator.partial(task_id="clean_up", dry_run="{{ params.dry_run }}").expand(
        dcluster_conn_id=each_connection()
    )

"""Machines launched, listed, recorded and destroyed, on the worker and in the triggerer."""

from __future__ import annotations

from airflow.sdk import DAG

from dcluster_provider.operators.node import (
    DClusterDestroyNodesOperator,
    DClusterLaunchNodesOperator,
    DClusterListInstanceTypesOperator,
    DClusterSyncInstancesOperator,
)

CONN_ID = "dcluster_ec2"
for deferrable in (False, True):
    path = "deferred" if deferrable else "running"
    with DAG(f"nodes_{path}", schedule=None, max_active_runs=16):
        launch = DClusterLaunchNodesOperator(
            task_id="launch",
            dcluster_conn_id=CONN_ID,
            node_count=2,
            instance_type="m5.large",
            deferrable=deferrable,
            poll_interval=1,
        )
        sync = DClusterSyncInstancesOperator(task_id="sync", dcluster_conn_id=CONN_ID)
        destroy = DClusterDestroyNodesOperator(
            task_id="destroy",
            dcluster_conn_id=CONN_ID,
            node_ids=launch.output,
            deferrable=deferrable,
            poll_interval=1,
        )
        launch >> sync >> destroy

    with DAG(f"nodes_wait_{path}", schedule=None, max_active_runs=16):
        DClusterLaunchNodesOperator(
            task_id="task",
            dcluster_conn_id=CONN_ID,
            node_count=2,
            instance_type="m5.large",
            deferrable=deferrable,
            poll_interval=1,
        )

with DAG("nodes_types", schedule=None):
    DClusterListInstanceTypesOperator(task_id="types", dcluster_conn_id=CONN_ID)
    DClusterLaunchNodesOperator(
        task_id="mistake", dcluster_conn_id=CONN_ID, node_count=1, instance_type="{{ 'm5.larg' }}"
    )
    DClusterDestroyNodesOperator(
        task_id="theirs", dcluster_conn_id=CONN_ID, node_ids="{{ dag_run.conf['ids'] }}"
    )

"""Records the instances of the cloud."""

from __future__ import annotations

from airflow.sdk import DAG

from dcluster_provider.core.machines import NodeRequest
from dcluster_provider.dags.configuration import each_connection, for_upkeep, schedule
from dcluster_provider.dags.ids import INSTANCE_SYNC
from dcluster_provider.dags.params import conn_ids_param, spec_param
from dcluster_provider.operators.node import DClusterSyncInstancesOperator

with DAG(
    INSTANCE_SYNC,
    dag_display_name="Record the instances of the cloud",
    description="Records every instance that the cloud of each connection lists.",
    doc_md="The task returns the number of instances; a connection without a cloud has none.",
    params={
        "dcluster_conn_ids": conn_ids_param(),
        "region": spec_param(NodeRequest, "region", section="Cloud"),
    },
    schedule=schedule("instance_sync_schedule"),
    **for_upkeep(),
):
    DClusterSyncInstancesOperator.partial(task_id="sync", region="{{ params.region or '' }}").expand(
        dcluster_conn_id=each_connection()
    )

"""Notifies of long-running jobs."""

from __future__ import annotations

from airflow.sdk import DAG

from dcluster_provider.dags.configuration import each_connection, for_upkeep, schedule
from dcluster_provider.dags.ids import LONG_RUNNING_ALERT
from dcluster_provider.dags.params import conn_ids_param, dry_run_param
from dcluster_provider.operators.upkeep import DClusterAlertLongRunningJobsOperator

with DAG(
    LONG_RUNNING_ALERT,
    dag_display_name="Alert about long-running jobs",
    description="Notifies of jobs that run longer than their client's limit, and of failures.",
    doc_md="The task returns whom it notified of what, and logs it as a table.",
    params={"dcluster_conn_ids": conn_ids_param(), "dry_run": dry_run_param()},
    schedule=schedule("long_running_alert_schedule"),
    **for_upkeep(),
):
    DClusterAlertLongRunningJobsOperator.partial(task_id="alert", dry_run="{{ params.dry_run }}").expand(
        dcluster_conn_id=each_connection()
    )

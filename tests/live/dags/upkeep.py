"""Upkeep as DAGs, a launch that nobody ends, and a job that fails and is mailed."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk import DAG

from dcluster_provider.operators.cluster import DClusterLaunchSparkOperator
from dcluster_provider.operators.job import DClusterSubmitJobOperator
from dcluster_provider.operators.upkeep import (
    DClusterAlertLongRunningJobsOperator,
    DClusterCheckClustersOperator,
)

WORK = Path(os.environ.get("DCLUSTER_TEST_FOLDER", "."))

with DAG("check_clusters", schedule=None, max_active_runs=16):
    DClusterCheckClustersOperator(task_id="task", dry_run="{{ dag_run.conf.get('dry_run', False) }}")

with DAG("alert_long_running", schedule=None, max_active_runs=16):
    DClusterAlertLongRunningJobsOperator(task_id="task")

with DAG("launch_and_leave", schedule=None, max_active_runs=16):
    DClusterLaunchSparkOperator(task_id="task", tenant="left", worker_memory="1Gi", poll_interval=1)

with DAG("failing_job_is_mailed", schedule=None, max_active_runs=16):
    DClusterSubmitJobOperator(
        task_id="task",
        client="mailed",
        module="{{ run_id }}",
        cluster_id="{{ dag_run.conf['cluster_id'] }}",
        application=str(WORK / "raises.py"),
        email_recipients="team@example.com",
        poll_interval=1,
    )

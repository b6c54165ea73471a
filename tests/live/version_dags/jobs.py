"""What each supported Airflow runs: a job of a run by schedule, and the steps of a cluster for `dag.test()`."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from airflow.sdk import DAG

from dcluster_provider.operators.cluster import DClusterLaunchSparkOperator, DClusterTerminateOperator
from dcluster_provider.operators.job import DClusterSubmitJobOperator

JOB = {
    "client": "versions",
    "job_type": "spark3",
    "application": os.environ["DCLUSTER_TEST_APPLICATION"],
    "args": ["2"],
}

with DAG("versions_scheduled", schedule="@once", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    DClusterSubmitJobOperator(
        task_id="job", module="scheduled", num_workers=1, worker_mem_gb=1, deferrable=True, **JOB
    )

with DAG("versions_tested", schedule=None):
    launch = DClusterLaunchSparkOperator(
        task_id="launch", tenant="versions", workers=1, worker_cpu="1", worker_memory="1Gi"
    )
    in_worker = DClusterSubmitJobOperator(
        task_id="in_worker", module="in-worker", cluster_id=launch.output, **JOB
    )
    in_triggerer = DClusterSubmitJobOperator(
        task_id="in_triggerer", module="in-triggerer", cluster_id=launch.output, deferrable=True, **JOB
    )
    terminate = DClusterTerminateOperator(task_id="terminate", cluster_id=launch.output)
    launch >> in_worker >> in_triggerer >> terminate.as_teardown(setups=launch)

"""The README's DAG twice, to be backfilled, and a deferrable job for dag.test() beside the running triggerer."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk import DAG

from dcluster_provider.operators.job import DClusterSubmitJobOperator

WORK = Path(os.environ.get("DCLUSTER_TEST_FOLDER", "."))

for number in (1, 2):
    with DAG(f"daily_report_{number}", schedule="@daily", catchup=False):
        DClusterSubmitJobOperator(
            task_id="report",
            client="sales",
            module=f"daily-report-{number}",
            application=str(WORK / "report.py"),
            args=["{{ ds }}"],
            num_workers=2,
            worker_mem_gb=1,
            deferrable=True,
            retries=3,  # of tasks that a busy Airflow fails before they begin
            retry_delay=1,
        )

with DAG("tested", schedule=None, params={"cluster_id": 1}) as tested:
    DClusterSubmitJobOperator(
        task_id="job",
        client="tested",
        module="job",
        cluster_id="{{ params.cluster_id }}",
        application=str(WORK / "report.py"),
        args=["tested"],
        deferrable=True,
        poll_interval=1,
    )

"""Runs and tasks that fail without a teardown, and have the notifier."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk import DAG, task

from dcluster_provider.notifications.dcluster import DClusterNotifier
from dcluster_provider.operators.cluster import DClusterLaunchSparkOperator
from dcluster_provider.operators.job import DClusterSubmitJobOperator

WORK = Path(os.environ.get("DCLUSTER_TEST_FOLDER", "."))


@task
def fail() -> None:
    """Fail after the cluster was launched."""
    raise RuntimeError("nothing ends the cluster of this run but its notifier")


with DAG("notified_run", schedule=None, on_failure_callback=DClusterNotifier()):
    DClusterLaunchSparkOperator(task_id="launch", tenant="notified", worker_memory="1Gi") >> fail()

with DAG("notified_task", schedule=None):
    DClusterLaunchSparkOperator(task_id="launch", tenant="notified", worker_memory="1Gi")
    DClusterSubmitJobOperator(
        task_id="job",
        client="notified",
        module="{{ run_id }}",
        application=str(WORK / "raises.py"),
        worker_mem_gb=1,
        keep_alive=True,
        on_failure_callback=DClusterNotifier(),
    )

"""Tasks that a person ends: a launch, a job on a shared cluster, a job with its own cluster; on both paths."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from dcluster_provider.operators.cluster import DClusterLaunchSparkOperator
from dcluster_provider.operators.job import DClusterSubmitJobOperator

WORK = Path(os.environ.get("DCLUSTER_TEST_FOLDER", "."))


class SameKey(DClusterLaunchSparkOperator):
    """Asks with the key of the first of its siblings."""

    def task_owner(self, context):
        return replace(super().task_owner(context), task_id="launch_1")


for deferrable in (False, True):
    path = "deferred" if deferrable else "running"
    with DAG(f"ended_launch_{path}", schedule=None, max_active_runs=16):
        DClusterLaunchSparkOperator(
            task_id="task",
            tenant="ended",
            worker_memory="1Gi",
            extra_configs={"spark.worker.resourcesFile": "{{ dag_run.conf['resources'] }}"},
            deferrable=deferrable,
            poll_interval=1,
        )
    with DAG(f"ended_job_{path}", schedule=None, max_active_runs=16):
        DClusterSubmitJobOperator(
            task_id="task",
            client="ended",
            module="{{ run_id }}",
            cluster_id="{{ dag_run.conf['cluster_id'] }}",
            application=str(WORK / "endless.py"),
            deferrable=deferrable,
            poll_interval=1,
        )
    with DAG(f"ended_job_with_own_cluster_{path}", schedule=None, max_active_runs=16):
        DClusterSubmitJobOperator(
            task_id="task",
            client="ended",
            module="{{ run_id }}",
            application=str(WORK / "endless.py"),
            worker_mem_gb=1,
            deferrable=deferrable,
            poll_interval=1,
        )
    with DAG(f"late_job_{path}", schedule=None, max_active_runs=16):
        DClusterSubmitJobOperator(
            task_id="task",
            client="late",
            module="{{ run_id }}",
            cluster_id="{{ dag_run.conf['cluster_id'] }}",
            application=str(WORK / "endless.py"),
            execution_timeout=timedelta(seconds=20),
            deferrable=deferrable,
            poll_interval=1,
        )


class FailsFirst(DClusterSubmitJobOperator):
    """Its job succeeds, and its first try fails after that."""

    def execute(self, context):
        job_id = super().execute(context)
        if context["ti"].try_number == 1:
            raise RuntimeError(f"job {job_id} has succeeded and this try fails all the same")
        return job_id


with DAG("succeeds_then_fails", schedule=None, max_active_runs=16):
    FailsFirst(
        task_id="task",
        client="again",
        module="{{ run_id }}",
        cluster_id="{{ dag_run.conf['cluster_id'] }}",
        application=str(WORK / "once.py"),
        args=[f"{WORK}/{{{{ run_id }}}}"],
        retries=1,
        retry_delay=0,
        poll_interval=1,
    )

with DAG("same_key", schedule=None, max_active_runs=16):
    for number in (1, 2):
        SameKey(task_id=f"launch_{number}", tenant="same", worker_memory="1Gi", poll_interval=1)

"""Runs that share their client's long-living cluster, and one that would end it."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk import DAG

from dcluster_provider.operators.cluster import DClusterTerminateOperator
from dcluster_provider.operators.job import DClusterSubmitJobOperator

WORK = Path(os.environ.get("DCLUSTER_TEST_FOLDER", "."))

with DAG("shares_cluster", schedule=None, max_active_runs=16):
    job = DClusterSubmitJobOperator(
        task_id="job",
        client="sharing",
        module="{{ run_id }}",
        use_long_living_cluster=True,
        application=f"{WORK}/{{{{ dag_run.conf['application'] }}}}",
        args=["{{ dag_run.conf['name'] }}"],
        num_workers=1,  # an application that says nothing takes every core
        worker_cpu=1,
        poll_interval=1,
    )
    end = DClusterTerminateOperator(
        task_id="end", cluster_id="{{ dag_run.conf['cluster_id'] }}", trigger_rule="all_done", poll_interval=1
    )
    job >> end

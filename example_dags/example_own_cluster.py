"""Jobs that name no cluster: each gets one of its own, sized by the job's fields, which ends with it."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG

from dcluster_provider.operators.job import DClusterSubmitJobOperator

APPLICATIONS = Path(__file__).parent / "applications"

with DAG("dcluster_own_cluster", schedule=None, tags=["dcluster", "example"], doc_md=__doc__) as dag:
    pi = DClusterSubmitJobOperator(
        task_id="pi",
        client="examples",
        module="pi",
        job_type="spark3",
        application=str(APPLICATIONS / "pi_spark.py"),
        args=["4"],
        num_workers=1,
        worker_cpu=2,
        worker_mem_gb=1,
        deferrable=True,
    )
    numbers = DClusterSubmitJobOperator(
        task_id="numbers",
        client="examples",
        module="numbers",
        job_type="flink",
        application=str(APPLICATIONS / "numbers_flink.sql"),
        num_workers=1,
        worker_mem_gb=1,
        deferrable=True,
    )
    pi >> numbers

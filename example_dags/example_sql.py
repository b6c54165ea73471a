"""SQL on Spark: a file beside the DAGs that Airflow renders, as it renders the SQL of any operator."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from dcluster_provider.operators.job import DClusterSubmitJobOperator

with DAG(
    "dcluster_sql",
    schedule=None,
    tags=["dcluster", "example"],
    doc_md=__doc__,
    params={"rows": Param(1000, type="integer", minimum=1, description="Orders to make up.")},
) as dag:
    report = DClusterSubmitJobOperator(
        task_id="report",
        client="examples",
        module="report",
        job_type="spark3",
        sql="applications/report.sql",
        num_workers=1,
        worker_mem_gb=1,
        deferrable=True,
    )

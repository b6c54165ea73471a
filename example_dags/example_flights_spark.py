"""A Spark cluster for one job, ended when the job is over, however it ends: mean arrival delays of flights."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk import DAG, Param

from dcluster_provider.operators.cluster import DClusterLaunchSparkOperator, DClusterTerminateOperator
from dcluster_provider.operators.job import DClusterSubmitJobOperator

APPLICATION = Path(__file__).parent / "applications" / "flights_spark.py"
FOLDER = os.environ.get("DCLUSTER_FLIGHTS_FOLDER", "/tmp/flights")  # noqa: S108 - a default to be overridden

with DAG(
    "dcluster_flights_spark",
    schedule=None,
    params={
        "flights": Param(
            f"{FOLDER}/flights.csv", type="string", description="CSV file of flights, with a header"
        ),
        "output": Param(f"{FOLDER}/spark", type="string", description="Folder for the two result tables"),
    },
    tags=["dcluster", "spark", "example"],
    doc_md=__doc__,
) as dag:
    launch = DClusterLaunchSparkOperator(
        task_id="launch",
        tenant="flights",
        workers=2,
        worker_cpu="1",
        worker_memory="1Gi",
        master_memory="1Gi",
        deferrable=True,
    )
    analyse = DClusterSubmitJobOperator(
        task_id="analyse",
        client="flights",
        module="delays-spark",
        cluster_id=launch.output,
        job_type="spark3",
        application=str(APPLICATION),
        args=["{{ params.flights }}", "{{ params.output }}"],
        deferrable=True,
    )
    terminate = DClusterTerminateOperator(task_id="terminate", cluster_id=launch.output).as_teardown(
        setups=launch
    )
    launch >> analyse >> terminate

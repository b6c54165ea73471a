"""A long-living cluster that several jobs share: waited for with sensors, its jobs stopped, and ended at last."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG

from dcluster_provider.operators.cluster import DClusterLaunchSparkOperator, DClusterTerminateOperator
from dcluster_provider.operators.job import (
    DClusterStopClientJobsOperator,
    DClusterSubmitJobOperator,
    DClusterTerminateJobOperator,
)
from dcluster_provider.sensors.cluster import DClusterClusterSensor
from dcluster_provider.sensors.job import DClusterJobSensor

PI = str(Path(__file__).parent / "applications" / "pi_spark.py")

with DAG("dcluster_shared_cluster", schedule=None, tags=["dcluster", "example"], doc_md=__doc__) as dag:
    # Two hours without a job, and a cluster check ends it.
    launch = DClusterLaunchSparkOperator(
        task_id="launch",
        tenant="examples",
        workers=1,
        worker_cpu="2",
        worker_memory="2Gi",
        long_living=True,
        idle_timeout=7200,
    )
    is_up = DClusterClusterSensor(task_id="is_up", cluster_id=launch.output, poke_interval=2)
    # The client's long-living cluster is found by itself; without one, it would be launched.
    quick = DClusterSubmitJobOperator(
        task_id="quick",
        client="examples",
        module="quick",
        use_long_living_cluster=True,
        application=PI,
        args=["2"],
        wait_for_completion=False,
    )
    is_done = DClusterJobSensor(task_id="is_done", job_id=quick.output, poke_interval=2)
    long = DClusterSubmitJobOperator(
        task_id="long",
        client="examples",
        module="long",
        cluster_id=launch.output,
        application=PI,
        args=["100000"],
        wait_for_completion=False,
    )
    stop_one = DClusterTerminateJobOperator(task_id="stop_one", job_id=long.output)
    stop_rest = DClusterStopClientJobsOperator(task_id="stop_rest", client="examples", module="long")
    terminate = DClusterTerminateOperator(task_id="terminate", cluster_id=launch.output).as_teardown(
        setups=launch
    )
    launch >> is_up >> quick >> is_done >> long >> stop_one >> stop_rest >> terminate

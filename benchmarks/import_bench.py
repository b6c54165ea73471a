"""What a DAG file costs to parse above what Airflow's SDK costs anyway: ours beside the Kubernetes provider's."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from statistics import median

RUNS = 7
OURS = """
from dcluster_provider.operators.cluster import (
    DClusterLaunchFlinkOperator, DClusterLaunchSparkOperator, DClusterTerminateOperator)
from dcluster_provider.operators.cluster_group import DClusterCluster
from dcluster_provider.operators.job import (
    DClusterStopClientJobsOperator, DClusterSubmitJobOperator, DClusterTerminateJobOperator)
from dcluster_provider.sensors.cluster import DClusterClusterSensor
from dcluster_provider.sensors.job import DClusterJobSensor

def example(spark):
    return spark.range(9).count()


with DAG("ours", schedule=None):
    spark = DClusterLaunchSparkOperator(task_id="spark", tenant="team", workers=2)
    flink = DClusterLaunchFlinkOperator(task_id="flink", tenant="team")
    job = DClusterSubmitJobOperator(
        task_id="job", client="team", module="etl", cluster_id=spark.output, application="etl.py")
    DClusterTerminateJobOperator(task_id="end_job", job_id=job.output)
    DClusterStopClientJobsOperator(task_id="stop", client="team", module="etl")
    DClusterClusterSensor(task_id="cluster_sensor", cluster_id=flink.output)
    DClusterJobSensor(task_id="job_sensor", job_id=job.output)
    DClusterTerminateOperator(task_id="end", cluster_id=spark.output).as_teardown(setups=spark)
    with DClusterCluster("group", tenant="team") as cluster:
        task.dcluster_spark(cluster_id=cluster.id)(example)()
"""
POD = """
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
with DAG("pod", schedule=None):
    KubernetesPodOperator(task_id="pod", image="spark", cmds=["spark-submit"])
"""
SPARK_KUBERNETES = """
from airflow.providers.cncf.kubernetes.operators.spark_kubernetes import SparkKubernetesOperator
with DAG("spark", schedule=None):
    SparkKubernetesOperator(task_id="spark", application_file="spark.yaml")
"""
FILES = {
    "every operator of ours": OURS,
    "KubernetesPodOperator": POD,
    "SparkKubernetesOperator": SPARK_KUBERNETES,
}
PROGRAM = """
import sys, time
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator, TaskGroup, task
modules, begun = set(sys.modules), time.process_time()
{file}
cost = time.process_time() - begun
print(cost, *sorted(set(sys.modules) - modules))
"""


def main() -> None:
    """Parse each file in fresh processes, in turn, and print the median CPU time and the modules it brings."""
    measured = {name: [] for name in FILES}
    with tempfile.TemporaryDirectory() as bytecode:
        for run in range(RUNS + 1):
            for name, file in FILES.items():
                parsed = parse(file, bytecode)
                if run:  # the first one compiles, as it does once on a worker
                    measured[name].append(parsed)
    print(f"{'DAG file':<28} {'CPU s':>7} {'modules':>8}   (median of {RUNS})")
    ours = median(cost for cost, _ in measured["every operator of ours"])
    for name, runs in measured.items():
        cost = median(cost for cost, _ in runs)
        print(f"{name:<28} {cost:>7.3f} {len(runs[-1][1]):>8}   {cost / ours:.1f} x ours")


def parse(file: str, bytecode: str) -> tuple[float, list[str]]:
    """The CPU seconds and the modules that a DAG file costs above the SDK, in a process of its own.

    :param bytecode: the folder of what Python has compiled.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = bytecode
    program = [sys.executable, "-c", PROGRAM.format(file=file)]
    answer = subprocess.run(program, capture_output=True, text=True, check=True, env=environment).stdout
    cost, *modules = answer.splitlines()[-1].split()
    return float(cost), modules


if __name__ == "__main__":
    main()

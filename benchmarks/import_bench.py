"""What a DAG file costs to parse, and a task on Kubernetes to go on after its wait, beside the Kubernetes provider's.

Both without what Airflow's SDK costs anyway.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from statistics import median

RUNS = 7
OURS = """
from dcluster_provider.operators.cluster import (
    DClusterLaunchFlinkOperator, DClusterLaunchSparkOperator, DClusterResizeOperator, DClusterTerminateOperator)
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
    DClusterResizeOperator(task_id="resize", cluster_id=spark.output, workers=2)
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
OUR_RESUMED_TASK = """
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.operators.job import DClusterSubmitJobOperator
DClusterHook("on_kubernetes").jobs.list()
"""
RESUMED_POD_TASK = """
from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
"""
RESUMED_TASKS = {"a task of ours": OUR_RESUMED_TASK, "KubernetesPodOperator": RESUMED_POD_TASK}
PROGRAM = """
import sys, time
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator, TaskGroup, task
modules, begun = set(sys.modules), time.process_time()
{file}
cost = time.process_time() - begun
print(cost, *sorted(set(sys.modules) - modules))
"""


def main() -> None:
    """Print the median CPU time of fresh processes, and the modules that each brings."""
    compare("DAG file", FILES)
    compare("task that goes on after its wait", RESUMED_TASKS)


def compare(what: str, files: dict[str, str]) -> None:
    """Run each file in fresh processes, in turn; the first is ours."""
    measured = {name: [] for name in files}
    with tempfile.TemporaryDirectory() as folder:
        for run in range(RUNS + 1):
            for name, file in files.items():
                parsed = parse(file, folder)
                if run:  # the first one compiles, as it does once on a worker
                    measured[name].append(parsed)
    print(f"{what:<34} {'CPU s':>7} {'modules':>8}   (median of {RUNS})")
    ours = median(cost for cost, _ in measured[next(iter(files))])
    for name, runs in measured.items():
        cost = median(cost for cost, _ in runs)
        print(f"{name:<34} {cost:>7.3f} {len(runs[-1][1]):>8}   {cost / ours:.1f} x ours")


def parse(file: str, folder: str) -> tuple[float, list[str]]:
    """The CPU seconds and the modules that a file costs above the SDK, in a process of its own.

    :param folder: for what Python has compiled and for a registry.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = f"{folder}/bytecode"
    extra = {"platform": "kubernetes", "kubernetes_conn_id": "none", "home": f"{folder}/home"}
    environment["AIRFLOW_CONN_ON_KUBERNETES"] = json.dumps({"conn_type": "dcluster", "extra": extra})
    program = [sys.executable, "-c", PROGRAM.format(file=file)]
    answer = subprocess.run(program, capture_output=True, text=True, check=True, env=environment).stdout
    cost, *modules = answer.splitlines()[-1].split()
    return float(cost), modules


if __name__ == "__main__":
    main()

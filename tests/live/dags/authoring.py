"""Functions on Spark, and a group with a cluster of its own whose tasks fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import DAG, task

from dcluster_provider.operators.cluster_group import DClusterCluster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

for deferrable in (False, True):
    with DAG(f"function_{'deferred' if deferrable else 'running'}", schedule=None, max_active_runs=16):

        @task.dcluster_spark(worker_mem_gb=1, deferrable=deferrable, poll_interval=1)
        def count(spark: SparkSession, number: int, words: list[str], *, run_id=None, kind: str = "x"):
            """What is in it is there on the cluster only."""
            from pyspark.sql.functions import udf

            plus = udf(lambda value: value + 1, "long")
            total = spark.range(int(number)).select(plus("id").alias("v")).groupBy().sum("v").first()[0]
            print("the function's own output")
            return {"sum": total, "words": words, "kind": kind, "run": run_id, "täst": None}

        count("{{ dag_run.conf['number'] }}", words=["a", "ü$(x)"], kind="{{ dag.dag_id }}")

with (
    DAG("function_mapped_in_group", schedule=None, max_active_runs=16),
    DClusterCluster("group", tenant="authoring", worker_cpu="4", poll_interval=1) as cluster,
):

    @task.dcluster_spark(cluster_id=cluster.id, poll_interval=1)
    def square(spark: SparkSession, number: int) -> int:
        return spark.range(number).count() * number

    @task.dcluster_spark(cluster_id=cluster.id, poll_interval=1)
    def add(numbers: list[int]) -> int:
        return sum(numbers)

    add(square.expand(number=[2, 3]))

with (
    DAG("function_fails_in_group", schedule=None, max_active_runs=16),
    DClusterCluster("group", tenant="authoring", poll_interval=1) as cluster,
):

    @task.dcluster_spark(cluster_id=cluster.id, poll_interval=1)
    def fails(spark: SparkSession, why: str):
        def deeper():
            raise LookupError(f"nothing for {why}")

        spark.range(1).count()
        deeper()

    fails("no reason")

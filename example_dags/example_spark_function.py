"""Functions that run on Spark: two on one cluster, a third on a cluster of its own; small results pass between them."""

# Tasks are called with each other's outputs, and the session is given by nobody.
# mypy: disable-error-code="arg-type, call-arg, no-any-return"
from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import DAG, task

from dcluster_provider.operators.cluster_group import DClusterCluster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

with DAG("dcluster_spark_function", schedule=None, tags=["dcluster", "example"], doc_md=__doc__) as dag:
    with DClusterCluster("on_one_cluster", tenant="examples", worker_cpu="2", worker_memory="2Gi") as cluster:

        @task.dcluster_spark(cluster_id=cluster.id)
        def count_primes(spark: SparkSession, below: int) -> dict[str, int]:
            """Count the primes below a number."""

            def is_prime(number: int) -> bool:
                return number > 1 and all(number % it for it in range(2, int(number**0.5) + 1))

            primes = spark.sparkContext.parallelize(range(below), 4).filter(is_prime)
            return {"below": below, "primes": primes.count()}

        @task.dcluster_spark(cluster_id=cluster.id)
        def sum_squares(spark: SparkSession, below: int) -> int:
            """Sum the squares below a number."""
            from pyspark.sql.functions import col
            from pyspark.sql.functions import sum as total

            return spark.range(below).select(total(col("id") * col("id"))).first()[0]

        counted = count_primes(10_000)
        squares = sum_squares(100)

    @task.dcluster_spark(num_workers=1, worker_mem_gb=2, deferrable=True)
    def compare(spark: SparkSession, counted: dict[str, int], squares: int) -> dict[str, float]:
        """Put both together, on a cluster that is there for this task alone."""
        return {
            "share": counted["primes"] / counted["below"],
            "squares": squares,
            "ran": spark.range(3).count(),
        }

    cluster >> compare(counted, squares)

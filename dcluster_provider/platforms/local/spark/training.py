"""What Spark runs once so that the classes that its drivers and executors load are archived."""

from __future__ import annotations

from pathlib import Path

from dcluster_provider.platforms.local.installation.class_archive import Training
from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.processes.ports import HOST
from dcluster_provider.platforms.local.spark.launch import JVM, class_path, environment

# Rows, SQL and a shuffle; what is not loaded here is loaded as ever.
_PROGRAM = """\
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
context = spark.sparkContext
context.parallelize(range(100), 2).map(lambda n: (n % 3, n)).reduceByKey(lambda a, b: a + b).collect()
spark.range(100).createOrReplaceTempView("numbers")
spark.sql("SELECT id % 3 AS rest, count(*) AS many FROM numbers GROUP BY 1 ORDER BY 1").show()
spark.range(10).write.mode("overwrite").parquet("written")
spark.read.parquet("written").filter("id > 3").collect()
spark.stop()
"""


def training(engine: LocalEngine, folder: Path) -> Training:
    """A PySpark program in a JVM that is driver and executor at the same time."""
    program = folder / "training.py"
    program.write_text(_PROGRAM)
    settings = {
        "spark.master": "local[1]",
        "spark.driver.host": HOST,
        "spark.driver.bindAddress": HOST,
        "spark.ui.port": "0",
        "spark.sql.shuffle.partitions": "1",
    }
    command = [*JVM, "-XX:TieredStopAtLevel=1", f"-Djava.io.tmpdir={folder}", "-cp", class_path(engine)]
    command += ["org.apache.spark.deploy.SparkSubmit"]
    for name, value in settings.items():
        command += ["--conf", f"{name}={value}"]
    return Training((*command, str(program)), environment(engine, folder / "conf", folder, engine.python))

"""Pi by throwing darts, and what the job was handed."""

from __future__ import annotations

import os
import random
import sys

from pyspark.sql import SparkSession

DARTS = 200_000


def hits(_: int) -> bool:
    return random.random() ** 2 + random.random() ** 2 < 1


spark = SparkSession.builder.getOrCreate()
context = spark.sparkContext
inside = context.parallelize(range(DARTS), 4).filter(hits).count()
print(f"pi is roughly {4 * inside / DARTS:.2f}")
print("application", context.appName)
print("pipeline", os.environ["DCLUSTER_PIPELINE_VERSION"], spark.conf.get("spark.dcluster.pipelineVersion"))
print("setting", spark.conf.get("spark.sql.shuffle.partitions"))
for config in (os.environ["DCLUSTER_PIPELINE_CONFIG"], spark.conf.get("spark.dcluster.pipelineConfig", "")):
    print("config", config)
if len(sys.argv) > 1:
    print("arguments", [ascii(each) for each in sys.argv[1:]])

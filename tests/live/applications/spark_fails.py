"""Fails in the way that its argument names."""

from __future__ import annotations

import os
import sys

from pyspark.sql import SparkSession

how = sys.argv[1]
builder = SparkSession.builder.appName("a name of its own")
if how == "memory":
    builder = builder.config("spark.executor.memory", "64g")
context = builder.getOrCreate().sparkContext
if how == "driver":
    raise ValueError("no rows today")
if how == "task":
    print(context.parallelize(range(4), 2).map(lambda number: 1 // (number - 2)).collect())
if how == "sleep":
    print("asleep", flush=True)
    context.parallelize(range(2), 2).foreach(lambda _: __import__("time").sleep(600))
if how == "disk":
    blocks = context.parallelize(range(100_000), 2).map(lambda number: (number, os.urandom(1024)))
    blocks.partitionBy(4).count()
print("counted", context.parallelize(range(10)).count())

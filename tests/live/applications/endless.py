"""Runs until it is ended, with an executor of the cluster at work."""

import time

from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
print("at work")
spark.sparkContext.parallelize([0], 1).foreach(lambda _: time.sleep(3600))

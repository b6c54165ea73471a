"""Ends its application, and leaves a thread that keeps its process."""

import threading

from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
print(f"counted: {spark.range(3).count()}", flush=True)
spark.stop()
threading.Thread(target=threading.Event().wait).start()

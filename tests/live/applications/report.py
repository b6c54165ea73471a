"""Says which day it was asked about, after a moment's work."""

import sys
import time

from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
time.sleep(3)  # the work
print("report of", sys.argv[1], spark.range(1000).count())

"""Tells the size of a file that came with the job, in the driver and in an executor; its argument is the name."""

import sys
from pathlib import Path

from pyspark import SparkFiles
from pyspark.sql import SparkSession


def size(name):
    return Path(SparkFiles.get(name)).stat().st_size


name = sys.argv[1]
context = SparkSession.builder.getOrCreate().sparkContext
(there,) = context.parallelize([name], 1).map(size).collect()
print(f"bytes {size(name)} and {there}")

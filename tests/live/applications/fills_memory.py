"""Uses ever more memory, in the driver or in an executor as its argument says."""

import sys


def fill(_=None):
    kept = []
    while True:
        kept.append(b"x" * (16 * 2**20))


if sys.argv[1] == "driver":
    fill()
else:
    from pyspark.sql import SparkSession

    SparkSession.builder.getOrCreate().sparkContext.parallelize([0], 1).foreach(fill)

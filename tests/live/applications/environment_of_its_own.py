"""Says by which Python its driver and its executors run, and what is in it."""

from __future__ import annotations

import sys

import taxes
from pyspark.sql import SparkSession


def told(_: int) -> tuple[str, int]:
    """The environment that runs this, and the amount of its module."""
    import taxes

    return sys.prefix.rpartition("/")[2], taxes.amount()


context = SparkSession.builder.getOrCreate().sparkContext
print("driver", sys.prefix, taxes.amount())
print("executors", sorted(set(context.parallelize([1, 2], 2).map(told).collect())))

"""Pi by throwing darts, on as many executors as there are. Argument: how many parts the work is cut into."""

import random
import sys

from pyspark.sql import SparkSession

DARTS = 100_000


def hits(part: int) -> int:
    """How many darts of a part landed within the circle."""
    darts = random.Random(part)  # noqa: S311 - a simulation, not a secret
    return sum(darts.random() ** 2 + darts.random() ** 2 <= 1 for _ in range(DARTS))


parts = int(sys.argv[1]) if len(sys.argv) > 1 else 2
spark = SparkSession.builder.getOrCreate()
found = spark.sparkContext.parallelize(range(parts), parts).map(hits).sum()
print(f"Pi is roughly {4 * found / (parts * DARTS)}")
spark.stop()

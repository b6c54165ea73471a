"""Writes how many executors it has, again and again, while it has work for them, then without work, until it may end.

Arguments: the beginning of its files' names; ``blocks`` to hold cached and shuffled data that has to stay right.
Files: ``.executors`` is what it writes; ``.idle`` ends its work, ``.go`` ends it.
"""

import random
import sys
import time
from operator import add
from pathlib import Path

from pyspark.sql import SparkSession

name = Path(sys.argv[1])
context = SparkSession.builder.getOrCreate().sparkContext


def is_there(suffix: str) -> bool:
    return name.with_suffix(suffix).exists()


def tell() -> None:
    executors = context._jsc.sc().getExecutorMemoryStatus().size() - 1  # the driver counts, too
    draft = name.with_suffix(".draft")
    draft.write_text(str(executors))
    draft.replace(name.with_suffix(".executors"))


def work(_) -> None:
    time.sleep(0.5)


pairs = context.parallelize(range(1000), 8).map(lambda number: (number % 8, random.random()))
# Chance makes the values: a block that is lost instead of handed over is computed again, and is another then.
sums = pairs.reduceByKey(add, 8).cache() if "blocks" in sys.argv else context.parallelize(range(8))
expected = sorted(sums.collect())
while not is_there(".idle") and not is_there(".go"):
    context.parallelize(range(8), 8).foreach(work)
    assert sorted(sums.collect()) == expected, "what was computed before has changed"
    tell()
while not is_there(".go"):
    tell()
    time.sleep(0.3)
print("the sums were right to the end:", sorted(sums.collect()) == expected)

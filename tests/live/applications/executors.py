"""Writes how many executors it has, again and again, while it has work for them, then without work, until it may end.

Argument: the beginning of its files' names. ``.executors`` is what it writes; ``.hold`` has it cache and shuffle data
on the executors that it has then, which has to stay as it is, and ``.held`` says that it has; ``.idle`` ends its work,
``.go`` ends it.
"""

import random
import sys
import time
from operator import add
from pathlib import Path

from pyspark.sql import SparkSession

name = Path(sys.argv[1])
context = SparkSession.builder.getOrCreate().sparkContext
held = expected = None


def is_there(suffix: str) -> bool:
    return name.with_suffix(suffix).exists()


def tell() -> None:
    executors = context._jsc.sc().getExecutorMemoryStatus().size() - 1  # the driver counts, too
    draft = name.with_suffix(".draft")
    draft.write_text(str(executors))
    draft.replace(name.with_suffix(".executors"))


def work(_) -> None:
    time.sleep(0.5)


def by_chance(numbers):
    """Values that are others when they are computed again, because a block was lost instead of handed over."""
    time.sleep(0.5)  # so that every executor computes some
    return [(number % 8, random.random()) for number in numbers]


while not is_there(".idle") and not is_there(".go"):
    if is_there(".hold") and held is None:
        pairs = context.parallelize(range(1000), 8).mapPartitions(by_chance)
        held = pairs.reduceByKey(add, 8).mapPartitions(lambda part: time.sleep(0.5) or part).cache()
        expected = sorted(held.collect())
        name.with_suffix(".held").touch()
    context.parallelize(range(8), 8).foreach(work)
    assert held is None or sorted(held.collect()) == expected, "a block was lost, and computed again"
    tell()
while not is_there(".go"):
    tell()
    time.sleep(0.3)
print("what it held is right:", held is None or sorted(held.collect()) == expected)

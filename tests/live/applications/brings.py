"""Uses what its Spark job brings, in the driver and in executors: Python modules, a file,
an archive, a jar and a Maven package.
"""

from __future__ import annotations

from pathlib import Path

import rates
import taxes
import wages
from pyspark import SparkFiles
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
context = spark.sparkContext


def converted(number: int) -> tuple[int, str, str]:
    """A number by the package and the wheels, beside what the file and the archive say."""
    amount = rates.converted(number) + 10 * wages.amount() + taxes.amount()
    name = Path(SparkFiles.get("names.txt")).read_text(encoding="utf-8").strip()
    return amount, name, Path("data/table.txt").read_text(encoding="utf-8").strip()


print("driver", rates.converted(5) + 10 * wages.amount() + taxes.amount())
print("brought", context.parallelize([1, 2], 2).map(converted).collect())
print("jar", context._jvm.Greeting.hello())
print("package", context._jvm.Farewell.bye())

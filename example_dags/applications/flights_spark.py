"""Mean arrival delay by carrier and by route, in Spark: reads flights as CSV, prints and writes two tables.

Usage: flights_spark.py FLIGHTS_CSV OUTPUT_FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

MIN_FLIGHTS = 100  # a route with fewer says little about itself


def main(source: str, output: str) -> None:
    """Compute both tables in one session."""
    spark = SparkSession.builder.appName("flights").getOrCreate()
    flights = spark.read.csv(source, header=True, nullValue="NA").select(
        "carrier", "origin", "dest", "arr_delay"
    )
    arrived = (
        flights.where("arr_delay IS NOT NULL").withColumn("arr_delay", f.col("arr_delay").cast("int")).cache()
    )
    publish(mean_delay(arrived, "carrier"), Path(output, "by_carrier.json"))
    routes = mean_delay(arrived, "origin", "dest").where(f.col("flights") >= MIN_FLIGHTS)
    publish(routes, Path(output, "by_route.json"))
    spark.stop()


def mean_delay(arrived: DataFrame, *keys: str) -> DataFrame:
    """Flights and their mean delay in minutes for each value of the keys, the latest first."""
    table = arrived.groupBy(*keys).agg(
        f.count("*").alias("flights"), f.avg("arr_delay").alias("mean_arr_delay")
    )
    return table.orderBy(f.desc("mean_arr_delay"))


def publish(table: DataFrame, path: Path) -> None:
    """Print the head of a table and write all of it; the folder is one that the driver can write to."""
    print(path.stem)
    table.show(10)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([row.asDict() for row in table.collect()], indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])

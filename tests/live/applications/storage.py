"""Writes numbers to a folder and reads them again; its argument names the folder."""

import sys

import rates
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
spark.range(1000).write.mode("overwrite").parquet(sys.argv[1])
total = spark.read.parquet(sys.argv[1]).agg({"id": "sum"}).first()[0]
print(f"sum {total}, rate {rates.converted(5)}")

"""Uses a Maven package that its Spark job brings."""

from __future__ import annotations

from pyspark.sql import SparkSession

jvm = SparkSession.builder.getOrCreate().sparkContext._jvm
loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
print("package", loader.loadClass("org.apache.commons.csv.CSVFormat").getName())

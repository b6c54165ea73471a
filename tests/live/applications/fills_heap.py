"""Fills the heap of its driver, and bears that as Spark's own threads do."""

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
jvm, gateway = spark._jvm, spark.sparkContext._gateway
kept = jvm.java.util.ArrayList()
while True:
    try:
        kept.add(gateway.new_array(jvm.byte, 2**24))
    except Py4JJavaError as error:
        print(error.java_exception.toString(), flush=True)

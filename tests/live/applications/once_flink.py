"""Leaves a line for each time it ran, in a file named after its argument, and runs a small Flink job."""

import sys
from pathlib import Path

from pyflink.table import EnvironmentSettings, TableEnvironment

with (Path(__file__).parent / f"{sys.argv[1]}.ran").open("a") as ran:
    ran.write("ran\n")
environment = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
environment.execute_sql("CREATE TABLE numbers (n INT) WITH ('connector' = 'datagen', 'number-of-rows' = '3')")
environment.execute_sql("CREATE TABLE nowhere (n INT) WITH ('connector' = 'blackhole')")
environment.execute_sql("INSERT INTO nowhere SELECT n FROM numbers").wait()

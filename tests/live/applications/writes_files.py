"""Writes files into a folder of its argument's name: the driver one, the executors a table of Hadoop's."""

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

folder = Path(sys.argv[1])
folder.mkdir(parents=True)
(folder / "by-driver").write_text("written\n")
SparkSession.builder.getOrCreate().range(10).write.csv(f"file://{folder}/by-executors")
print("user", os.getuid())

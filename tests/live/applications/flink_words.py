"""Counts words, and prints what it was handed."""

from __future__ import annotations

import os
import sys

from pyflink.common import Types
from pyflink.datastream import StreamExecutionEnvironment

environment = StreamExecutionEnvironment.get_execution_environment()
words = environment.from_collection(["to be", "or not", "to be"], Types.STRING()).flat_map(str.split)
pairs = words.map(lambda word: (word, 1), output_type=Types.TUPLE([Types.STRING(), Types.INT()]))
counts = pairs.key_by(lambda pair: pair[0]).reduce(lambda one, other: (one[0], one[1] + other[1]))
found = dict(list(counts.execute_and_collect("words")))
print("to be", found["to"], found["be"])
print("pipeline", os.environ["DCLUSTER_PIPELINE_VERSION"], *sys.argv[1:])

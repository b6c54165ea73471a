"""Fails in the way that its argument names."""

from __future__ import annotations

import sys
import time

from pyflink.common import Types
from pyflink.datastream import StreamExecutionEnvironment

how = sys.argv[1]
environment = StreamExecutionEnvironment.get_execution_environment()
if how == "client":
    raise ValueError("no rows today")


def work(number: int) -> int:
    if how == "sleep":
        time.sleep(600)
    return 1 // (number - 2)


environment.from_collection([1, 2, 3], Types.INT()).map(work, Types.INT()).print()
environment.execute("fails")

"""Shows what a Flink job finds in its environment: a variable as it is, and of a secret a digest alone."""

from __future__ import annotations

import hashlib
import os

from pyflink.common import Types
from pyflink.datastream import StreamExecutionEnvironment


def found(_: int = 0) -> str:
    """A variable and a secret."""
    password = os.environ["DB_PASSWORD"]
    return f"{os.environ['LEVEL']} {hashlib.sha256(password.encode()).hexdigest()[:12]}"


print("client", found())
environment = StreamExecutionEnvironment.get_execution_environment()
environment.set_parallelism(1)
with environment.from_collection([0], Types.INT()).map(found, Types.STRING()).execute_and_collect() as rows:
    print("task", *rows)

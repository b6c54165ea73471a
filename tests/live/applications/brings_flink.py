"""Uses what its Flink job brings, in the client and in its tasks: Python modules and an archive."""

from __future__ import annotations

from pathlib import Path

import rates
import taxes
import wages
from pyflink.common import Types
from pyflink.datastream import StreamExecutionEnvironment


def converted(number: int) -> str:
    """A number by the package and the wheels, beside what the archive says."""
    amount = rates.converted(number) + 10 * wages.amount() + taxes.amount()
    return f"{amount} {Path('data/table.txt').read_text(encoding='utf-8').strip()}"


print("client", rates.converted(5) + 10 * wages.amount() + taxes.amount())
environment = StreamExecutionEnvironment.get_execution_environment()
environment.set_parallelism(1)
with (
    environment.from_collection([1, 2], Types.INT())
    .map(converted, Types.STRING())
    .execute_and_collect() as rows
):
    print("brought", sorted(rows))

"""The log of a deferred task: what a job on a cluster of its own writes faster than it is passed on."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.live.kubernetes.conftest import submit
from tests.live.kubernetes.task_log import logs_until_the_end
from tests.live.trials import long_except

WRITES = Path(__file__).parents[1] / "applications" / "writes.py"


@pytest.mark.parametrize(
    ("jobs", "count", "a_second"),
    long_except([(1, 20_000, 100_000)], [(1, 20_000, 400), (1, 20_000, 100_000), (6, 6_000, 40)]),
)
def test_no_line_is_lost(control, tables, jobs, count, a_second):
    began = time.monotonic()
    asked = [submit(control, None, WRITES, args=[str(count), str(a_second)]) for _ in range(jobs)]
    logs = logs_until_the_end(control, *[job.id for job in asked])
    told = [
        [int(found[1]) for line in log.lines if (found := re.match(r"  \| number (\d+) of a line", line))]
        for log in logs
    ]
    tables.add(
        "lines of deferred jobs with clusters of their own, in their tasks' logs",
        f"{jobs} x {count} lines, {a_second} a second: {', '.join(str(len(set(each))) for each in told)} "
        f"{time.monotonic() - began:5.0f} s after their submission",
    )
    assert told == [list(range(count))] * jobs


@pytest.mark.long
def test_nothing_of_long_lines_is_lost_while_they_are_being_written(control):
    job = submit(control, None, WRITES, args=["20", "1", "200000"])
    (log,) = logs_until_the_end(control, job.id)
    text = "".join(line.removeprefix("  | ") for line in log.lines if line.startswith("  | "))
    written = re.findall(r"number (\d+) of a line[^#]*(#+)", text)
    assert [(int(number), len(signs)) for number, signs in written] == [(n, 200_000) for n in range(20)]

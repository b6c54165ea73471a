"""The log of a deferred task: what a job on a cluster of its own writes faster than it is passed on."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from dcluster_provider.control.connect import Control
from dcluster_provider.triggers.dcluster import JobTrigger
from dcluster_provider.triggers.shared_watch import SharedWatch
from tests.live.kubernetes.conftest import submit

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]
WRITES = Path(__file__).parents[1] / "applications" / "writes.py"


def deferred(control: Control, *job_ids: int) -> list[list[str]]:
    """What triggers log for each job, and hand to the tasks that they resume."""

    async def wait_for(job_id: int) -> list[str]:
        told: list[str] = []
        trigger = JobTrigger("kubernetes-tests", job_id, ["SUCCEEDED"], 5.0, log_start=0)
        trigger._log = SimpleNamespace(info=lambda text, *words: told.append(text % words))
        async for event in trigger.run():
            assert (event.payload["state"], event.payload["log_is_cut"]) == ("SUCCEEDED", False)
            told += event.payload["lines"]
        return told

    async def run() -> list[list[str]]:
        watch = SharedWatch.of("kubernetes-tests")
        watch._control = control
        watch._listen_to(control)
        return await asyncio.gather(*map(wait_for, job_ids))

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("jobs", "count", "a_second"), [(1, 20_000, 400), (1, 20_000, 100_000), (6, 6_000, 40)]
)
def test_no_line_is_lost(control, jobs, count, a_second):
    asked = [submit(control, None, WRITES, args=[str(count), str(a_second)]) for _ in range(jobs)]
    for told in deferred(control, *[job.id for job in asked]):
        numbers = [
            int(found[1]) for line in told if (found := re.match(r"  \| number (\d+) of a line", line))
        ]
        assert numbers == list(range(count))

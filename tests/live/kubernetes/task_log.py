"""What the triggers of deferred tasks log of jobs, and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from dcluster_provider.control.connect import Control
from dcluster_provider.triggers.dcluster import JobTrigger
from dcluster_provider.triggers.shared_watch import SharedWatch

POLL_SECONDS = 5.0  # between two looks, as operators have it unless they are told otherwise
_loops = count(1)


@dataclass
class TaskLog:
    """The log of one task.

    :param texts: each with the Unix time at which it was logged.
    """

    texts: list[tuple[float, str]] = field(default_factory=list)

    def info(self, text: str, *words: object) -> None:
        """Take a text as a logger does."""
        self.texts.append((time.time(), text % words))

    warning = error = info

    @property
    def lines(self) -> list[str]:
        return [line for _, text in self.texts for line in text.splitlines()]

    def time_of(self, part: str) -> float | None:
        """When a text with this part was first logged; none when none was."""
        return next((at for at, text in self.texts.copy() if part in text), None)


def logs_until_the_end(control: Control, *job_ids: int) -> list[TaskLog]:
    """What triggers log for each job, and hand to the tasks that they resume."""
    logs = [TaskLog() for _ in job_ids]
    asyncio.run(_follow_all(control, dict(zip(job_ids, logs, strict=True))))
    return logs


@contextmanager
def followed(control: Control, job_id: int) -> Iterator[TaskLog]:
    """The log of a task that waits for a job during the block."""
    log = TaskLog()
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def follow() -> None:
        stop = asyncio.Event()
        begun.set_result((asyncio.get_running_loop(), stop))
        wait = asyncio.create_task(_follow_all(control, {job_id: log}))
        await stop.wait()
        if wait.done():
            wait.result()

    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(asyncio.run, follow())
        loop, stop = begun.result()
        try:
            yield log
        finally:
            loop.call_soon_threadsafe(stop.set)
            running.result()


async def _follow_all(control: Control, logs: dict[int, TaskLog]) -> None:
    conn_id = f"kubernetes-tests-{next(_loops)}"  # a watch belongs to one event loop
    watch = SharedWatch.of(conn_id)
    watch._control = control
    watch._listen_to(control)
    await asyncio.gather(*[_follow(conn_id, job_id, log) for job_id, log in logs.items()])


async def _follow(conn_id: str, job_id: int, log: TaskLog) -> None:
    trigger = JobTrigger(conn_id, job_id, ["SUCCEEDED"], POLL_SECONDS, log_start=0)
    trigger._log = log
    async for event in trigger.run():
        assert not event.payload["log_is_cut"]
        for line in event.payload["lines"]:
            log.info("%s", line)

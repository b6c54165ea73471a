"""One look at all clusters and jobs of a connection serves every wait in the process.

However many waits there are, a connection has one asyncio task that looks at all of them in one batch, in one thread
that lives while there is something to wait for. Each wait is a subscription with a queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from dcluster_provider.core.errors import NotFound
from dcluster_provider.core.record import Cluster, Job

if TYPE_CHECKING:
    from dcluster_provider.control.connect import Control

log = logging.getLogger(__name__)

# Looks that fail in a row before the waits are told: about a minute at the default interval.
_FAILURES_BORNE = 12


@dataclass(frozen=True)
class Sight:
    """What a look showed to one wait: the record, and the log from where the wait had read to."""

    record: Cluster | Job
    log_text: str = ""
    log_end: int = 0


@dataclass(eq=False)
class Subscription:
    """One wait.

    :param poll_interval: seconds between two looks that this wait asks for; the most frequent asker sets the pace.
    :param log_start: byte offset to read the job's log from; none means that the log is not wanted.
    """

    kind: Literal["cluster", "job"]
    record_id: int
    poll_interval: float
    log_start: int | None = None
    sights: asyncio.Queue[Sight | Exception] = field(default_factory=asyncio.Queue)


class SharedWatch:
    """The one watch of a connection on one event loop."""

    _watches: ClassVar[dict[tuple[int, str], SharedWatch]] = {}

    def __init__(self, conn_id: str) -> None:
        self._conn_id = conn_id
        self._subscriptions: set[Subscription] = set()
        self._control: Control | None = None
        self._task: asyncio.Task[None] | None = None
        self._failures = 0

    @classmethod
    def of(cls, conn_id: str) -> SharedWatch:
        """The watch of a connection on the running event loop."""
        place = (id(asyncio.get_running_loop()), conn_id)
        return cls._watches.setdefault(place, cls(conn_id))

    async def follow(self, subscription: Subscription) -> AsyncGenerator[Sight, None]:
        """Everything new that the looks show to one wait, first of all how things stand; it never ends by itself.

        :raises NotFound: there is no such cluster or job.
        :raises Exception: whatever made every look of the last minute fail.
        """
        self._subscriptions.add(subscription)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(
                self._look_while_needed(), name=f"dcluster watch {self._conn_id}"
            )
        try:
            while True:
                sight = await subscription.sights.get()
                if isinstance(sight, Exception):
                    raise sight
                yield sight
        finally:
            self._subscriptions.discard(subscription)

    async def control(self) -> Control:
        """The use cases of the connection, which is looked up once for all waits of a time."""
        if self._control is None:
            from asgiref.sync import sync_to_async

            from dcluster_provider.hooks.dcluster import DClusterHook

            # Airflow's client for connections belongs to this thread's context, which sync_to_async keeps.
            self._control = await sync_to_async(lambda: DClusterHook(self._conn_id).control)()
        return self._control

    async def _look_while_needed(self) -> None:
        thread = ThreadPoolExecutor(1, thread_name_prefix=f"dcluster-watch-{self._conn_id}")
        try:
            while self._subscriptions:
                waits = list(self._subscriptions)
                await self._look_for(waits, thread)
                await asyncio.sleep(min(wait.poll_interval for wait in waits))
        finally:
            thread.shutdown(wait=False)  # the loop does not wait for a look that nobody needs any more
            self._control = None  # the next wait reads the connection anew

    async def _look_for(self, waits: list[Subscription], thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        try:
            control = await self.control()
            sights = await loop.run_in_executor(thread, look, control, waits)
        except Exception as error:  # noqa: BLE001  # one failed look must not end every wait
            self._failures += 1
            log.warning("Look %d at connection %s failed: %s", self._failures, self._conn_id, error)
            if self._failures >= _FAILURES_BORNE:
                for wait in waits:
                    wait.sights.put_nowait(error)
            return
        self._failures = 0
        for wait, sight in sights:
            if isinstance(sight, Sight):
                wait.log_start = sight.log_end if wait.log_start is not None else None
            wait.sights.put_nowait(sight)


def look(control: Control, waits: Iterable[Subscription]) -> list[tuple[Subscription, Sight | Exception]]:
    """What one look shows to each wait: all clusters in one batch, all jobs in another."""
    waits = list(waits)
    jobs = control.jobs.observe({wait.record_id for wait in waits if wait.kind == "job"})
    clusters = control.clusters.observe({wait.record_id for wait in waits if wait.kind == "cluster"})
    shown: list[tuple[Subscription, Sight | Exception]] = []
    logs: list[tuple[Subscription, Job, int]] = []
    for wait in waits:
        record = (jobs if wait.kind == "job" else clusters).get(wait.record_id)
        if record is None:
            shown.append(
                (wait, NotFound(f"there is no {wait.kind} {wait.record_id} in the registry any more"))
            )
        elif isinstance(record, Job) and wait.log_start is not None:
            logs.append((wait, record, wait.log_start))
        else:
            shown.append((wait, Sight(record)))
    parts = control.jobs.read_logs([(job, start) for _, job, start in logs]) if logs else ()
    return shown + [
        (wait, Sight(job, part.text, part.end)) for (wait, job, _), part in zip(logs, parts, strict=True)
    ]

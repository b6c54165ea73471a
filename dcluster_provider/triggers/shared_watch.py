"""One look at all clusters and jobs of a connection serves every wait in the process.

However many waits there are, a connection has one asyncio task that looks at all of them in one batch, in one thread
that lives while there is something to wait for. Where the platform tells of changes, the waits for what has changed
are looked at in between. Each wait is a subscription with a queue.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from dcluster_provider.core.errors import CredentialsRefused, NotFound
from dcluster_provider.core.record import Cluster, Job

if TYPE_CHECKING:
    from dcluster_provider.control.connect import Control

log = logging.getLogger(__name__)

# Looks that fail in a row before the waits are told: about a minute at the default interval.
_FAILURES_BORNE = 12
_GATHERED_SECONDS = 0.2  # changes come in crowds: one look serves all of these seconds
_MOST_LOG_PAUSE = 300.0
_LOG_READS_A_SECOND = 20  # of all waits together, at most
# Bytes of all logs that a look shows, about, and of one at least. The triggerer takes lines slowly, and a full pipe to
# it would block its loop; the resumed task reads the rest.
_LOG_BYTES_A_LOOK = 32 * 1024
_LEAST_LOG_BYTES = 4 * 1024


@dataclass(frozen=True)
class Sight:
    """What a look showed to one wait: the record, and the log from where the wait had read to, or a piece of that."""

    record: Cluster | Job
    log_text: str = ""
    log_end: int = 0
    log_is_cut: bool = False


@dataclass(eq=False)
class Subscription:
    """One wait.

    :param poll_interval: seconds between two looks that this wait asks for; the most frequent asker sets the pace.
    :param log_start: position to read the job's log from; none means that the log is not wanted.
    :param log_pause: seconds until the log is read again; it grows while nothing is written.
    :param log_due: when that is, by the monotonic clock.
    :param cluster_id: the cluster of what is waited for; none until the first look.
    """

    kind: Literal["cluster", "job"]
    record_id: int
    poll_interval: float
    log_start: int | None = None
    log_pause: float = 0.0
    log_due: float = 0.0
    cluster_id: int | None = None
    sights: asyncio.Queue[Sight | Exception] = field(default_factory=asyncio.Queue)


@dataclass
class Changes:
    """What has changed since the last look.

    :param clusters: ids of those that have.
    :param anything: whether it may be any cluster.
    """

    clusters: set[int] = field(default_factory=set)
    anything: bool = False

    def add(self, cluster_id: int | None) -> None:
        """One change more, of no known cluster with none."""
        if cluster_id is None:
            self.anything = True
        else:
            self.clusters.add(cluster_id)

    def concern(self, wait: Subscription) -> bool:
        """Whether a wait has to be looked at, as one that never was."""
        return self.anything or wait.cluster_id is None or wait.cluster_id in self.clusters


class SharedWatch:
    """The one watch of a connection on one event loop."""

    _watches: ClassVar[dict[tuple[int, str], SharedWatch]] = {}

    def __init__(self, conn_id: str) -> None:
        self._conn_id = conn_id
        self._subscriptions: set[Subscription] = set()
        self._control: Control | None = None
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._changed = asyncio.Event()
        self._changes = Changes()
        self._stop_listening: Callable[[], object] = _nothing

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
        self._changed.set()
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
            self._listen_to(self._control)
        return self._control

    async def _look_while_needed(self) -> None:
        thread = ThreadPoolExecutor(1, thread_name_prefix=f"dcluster-watch-{self._conn_id}")
        try:
            looked_at_all = -math.inf
            while self._subscriptions:
                waits = list(self._subscriptions)
                pace = min(wait.poll_interval for wait in waits)
                changes, self._changes = self._changes, Changes()
                self._changed.clear()
                if time.monotonic() >= looked_at_all + pace:
                    await self._look_for(waits, thread)
                    looked_at_all = time.monotonic()
                elif concerned := [wait for wait in waits if changes.concern(wait)]:
                    await self._look_for(concerned, thread)
                await self._wait_for_change(max(0.0, looked_at_all + pace - time.monotonic()))
        finally:
            self._listen_to(None)
            thread.shutdown(wait=False)  # the loop does not wait for a look that nobody needs any more
            self._control = None  # the next wait reads the connection anew

    async def _wait_for_change(self, most: float) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._changed.wait(), most)
            await asyncio.sleep(_GATHERED_SECONDS)

    def _listen_to(self, control: Control | None) -> None:
        """Be told of what changes between looks, where the platform can tell."""
        self._stop_listening()
        self._stop_listening = _nothing
        if control is not None:
            loop = asyncio.get_running_loop()

            def told(cluster_id: int | None) -> None:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._note, cluster_id)

            self._stop_listening = control.platform.on_change(told)

    def _note(self, cluster_id: int | None) -> None:
        self._changes.add(cluster_id)
        self._changed.set()

    async def _look_for(self, waits: list[Subscription], thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        try:
            control = await self.control()
            sights = await loop.run_in_executor(thread, look, control, waits)
        except Exception as error:  # noqa: BLE001  # one failed look must not end every wait
            self._failures += 1
            if isinstance(error, CredentialsRefused) and self._control is not None:
                self._control.forget()
                self._control = None
            log.warning("Look %d at connection %s failed: %s", self._failures, self._conn_id, error)
            if self._failures >= _FAILURES_BORNE:
                for wait in waits:
                    wait.sights.put_nowait(error)
            return
        self._failures = 0
        for wait, sight in sights:
            if isinstance(sight, Sight):
                record = sight.record
                wait.cluster_id = record.cluster_id if isinstance(record, Job) else record.id
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
        elif isinstance(record, Job) and wait.log_start is not None and _log_is_due(wait, record):
            logs.append((wait, record, wait.log_start))
        elif wait.log_start is not None:
            shown.append((wait, Sight(record, log_end=wait.log_start)))  # its log is not due yet
        else:
            shown.append((wait, Sight(record)))
    most = max(_LEAST_LOG_BYTES, _LOG_BYTES_A_LOOK // max(1, len(logs)))
    parts = control.jobs.read_logs([(job, start) for _, job, start in logs], most) if logs else ()
    least_pause = max(control.platform.log_pause, len(waits) / _LOG_READS_A_SECOND)
    for (wait, _, _), part in zip(logs, parts, strict=True):
        _pace_log(wait, least_pause if control.platform.log_pause else 0.0, has_grown=bool(part.text))
    return shown + [
        (wait, Sight(job, part.text, part.end, part.is_cut))
        for (wait, job, _), part in zip(logs, parts, strict=True)
    ]


def _log_is_due(wait: Subscription, job: Job) -> bool:
    return job.state.is_final or time.monotonic() >= wait.log_due


def _pace_log(wait: Subscription, least: float, *, has_grown: bool) -> None:
    """A log that grows is read on soon; one that does not is read ever more seldom."""
    wait.log_pause = least if has_grown else min(_MOST_LOG_PAUSE, max(least, wait.log_pause * 2))
    wait.log_due = time.monotonic() + wait.log_pause


def _nothing() -> None:
    """There is nothing to end."""

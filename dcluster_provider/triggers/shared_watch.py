"""One look at all clusters and jobs of a connection serves every wait in the process.

However many waits there are, a connection has one asyncio task that looks at all of them in one batch, in one thread
that lives while there is something to wait for. Where the platform tells of changes, the waits for what has changed
are looked at in between. Each wait is a subscription with a queue.

A job's own cluster ends with it, and no task waits for that: the watch sees it out.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from dcluster_provider.control.retry_budget import RetryBudget
from dcluster_provider.core.errors import CredentialsRefused
from dcluster_provider.core.record import Job
from dcluster_provider.platforms.capabilities import SupportsChangeNotification, reconnect
from dcluster_provider.triggers.poll_result import PollResult, Subscription, look

if TYPE_CHECKING:
    from dcluster_provider.control.connect import Control

log = logging.getLogger(__name__)

_ENDING_PACE = 2.0  # seconds between two looks at clusters that are on their way out
_ENDING_SECONDS = 300.0  # after which their end is left to the cluster check
_GATHERED_SECONDS = 0.2  # changes come in crowds: one look serves all of these seconds


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
        self._endings: dict[int, float] = {}  # clusters on their way out, and until when they are looked at
        self._control: Control | None = None
        self._task: asyncio.Task[None] | None = None
        self._retry_budget = RetryBudget()
        self._changed = asyncio.Event()
        self._changes = Changes()
        self._stop_listening: Callable[[], object] = _nothing

    @classmethod
    def of(cls, conn_id: str) -> SharedWatch:
        """The watch of a connection on the running event loop."""
        place = (id(asyncio.get_running_loop()), conn_id)
        return cls._watches.setdefault(place, cls(conn_id))

    async def follow(self, subscription: Subscription) -> AsyncGenerator[PollResult, None]:
        """Everything new that the looks show to one wait, first of all how things stand; it never ends by itself.

        :raises NotFound: there is no such cluster or job.
        :raises Exception: whatever made every look of the last minute fail.
        """
        self._subscriptions.add(subscription)
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(
                self._poll_while_needed(), name=f"dcluster watch {self._conn_id}"
            )
        try:
            wants_more = False
            while True:
                # Whoever asks for the next has passed on what it was shown.
                subscription.takes_log = subscription.sights.empty()
                if wants_more and subscription.takes_log:
                    self._note(subscription.cluster_id)
                sight = await subscription.sights.get()
                if isinstance(sight, Exception):
                    raise sight
                if sight.log_was_read:
                    wants_more = sight.log_is_cut and bool(sight.log_text)
                elif subscription.log_start is not None and sight.record.state.is_final:
                    wants_more = True
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

    async def _poll_while_needed(self) -> None:
        thread = ThreadPoolExecutor(1, thread_name_prefix=f"dcluster-watch-{self._conn_id}")
        try:
            looked_at_all = -math.inf
            self._retry_budget.reset()
            while self._is_needed():
                waits = list(self._subscriptions)
                pace = min((wait.poll_interval for wait in waits), default=_ENDING_PACE)
                changes, self._changes = self._changes, Changes()
                self._changed.clear()
                if time.monotonic() >= looked_at_all + pace:
                    await self._poll_for(waits, thread)
                    looked_at_all = time.monotonic()
                elif concerned := [wait for wait in waits if changes.concern(wait)]:
                    await self._poll_for(concerned, thread)
                elif self._endings:
                    await self._poll_for([], thread)
                following = looked_at_all + pace - time.monotonic()
                await self._wait_for_change(
                    max(0.0, min(following, _ENDING_PACE) if self._endings else following)
                )
        except Exception as error:  # whoever waits has to hear of it: nobody looks any more
            log.exception("The watch of connection %s has ended", self._conn_id)
            for wait in self._subscriptions:
                wait.sights.put_nowait(error)
        finally:
            self._listen_to(None)
            thread.shutdown(wait=False)  # the loop does not wait for a look that nobody needs any more
            self._control = None  # the next wait reads the connection anew

    def _is_needed(self) -> bool:
        now = time.monotonic()
        self._endings = {cluster: until for cluster, until in self._endings.items() if until > now}
        return bool(self._subscriptions or self._endings)

    async def _wait_for_change(self, most: float) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._changed.wait(), most)
            await asyncio.sleep(_GATHERED_SECONDS)

    def _listen_to(self, control: Control | None) -> None:
        """Be told of what changes between looks, where the platform can tell."""
        self._stop_listening()
        self._stop_listening = _nothing
        if control is not None and isinstance(control.platform, SupportsChangeNotification):
            loop = asyncio.get_running_loop()

            def told(cluster_id: int | None) -> None:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._note, cluster_id)

            self._stop_listening = control.platform.on_change(told)

    def _note(self, cluster_id: int | None) -> None:
        self._changes.add(cluster_id)
        self._changed.set()

    async def _poll_for(self, waits: list[Subscription], thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        try:
            control = await self.control()
            endings = frozenset(self._endings)
            sights, not_over = await loop.run_in_executor(thread, look, control, waits, endings)
        except Exception as error:  # noqa: BLE001  # one failed look must not end every wait
            log.warning("A look at connection %s failed: %s", self._conn_id, error)
            if isinstance(error, CredentialsRefused) and self._control is not None:
                reconnect(self._control.platform)
            if waits and not self._retry_budget.allows_retry():
                for wait in waits:
                    wait.sights.put_nowait(error)
            return
        self._retry_budget.reset()
        for ended in endings - not_over:
            self._endings.pop(ended, None)
        for wait, sight in sights:
            if isinstance(sight, PollResult):
                record = sight.record
                wait.cluster_id = record.cluster_id if isinstance(record, Job) else record.id
                wait.log_start = sight.log_end if wait.log_start is not None else None
                if isinstance(record, Job) and record.state.is_final and record.owns_cluster:
                    self._endings.setdefault(record.cluster_id, time.monotonic() + _ENDING_SECONDS)
                wait.takes_log = wait.takes_log and not sight.log_text
            wait.sights.put_nowait(sight)


def _nothing() -> None:
    """There is nothing to end."""

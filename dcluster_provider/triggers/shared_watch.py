"""A shared watch: one poll of all clusters and jobs of a connection serves every wait in the process.

However many waits there are, a connection has one asyncio task that polls all of them in one batch, in one thread that
lives while there is something to wait for. Where the platform notifies of changes, the waits concerned are polled in
between. Each wait is a subscription with a queue.

A job's own cluster terminates with it, and no task waits for that: the watch polls the cluster until it is gone.
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

from dcluster_provider.control.waiting import RetryBudget
from dcluster_provider.core.errors import CredentialsRefused
from dcluster_provider.core.record import Job
from dcluster_provider.platforms.capabilities import SupportsChangeNotification, reconnect
from dcluster_provider.triggers.poll_result import PollResult, Subscription, poll

if TYPE_CHECKING:
    from dcluster_provider.control.connect import Control

log = logging.getLogger(__name__)

_TERMINATING_INTERVAL = 2.0  # seconds between two polls of terminating clusters
_TERMINATING_SECONDS = 300.0  # after which their termination is left to the cluster check
_GATHERED_SECONDS = 0.2  # changes come in bursts: one poll serves all of these seconds


@dataclass
class Changes:
    """What has changed since the last poll.

    :param clusters: ids of the changed clusters.
    :param anything: whether any cluster may have changed.
    """

    clusters: set[int] = field(default_factory=set)
    anything: bool = False

    def add(self, cluster_id: int | None) -> None:
        """Add a change of a cluster; None means an unknown one."""
        if cluster_id is None:
            self.anything = True
        else:
            self.clusters.add(cluster_id)

    def concern(self, wait: Subscription) -> bool:
        """Whether a wait has to be polled for these changes, as every new wait has."""
        return self.anything or wait.cluster_id is None or wait.cluster_id in self.clusters


class SharedWatch:
    """The watch of a connection on one event loop."""

    _watches: ClassVar[dict[tuple[int, str], SharedWatch]] = {}

    def __init__(self, conn_id: str) -> None:
        self._conn_id = conn_id
        self._subscriptions: set[Subscription] = set()
        self._terminating: dict[int, float] = {}  # terminating clusters, and until when they are polled
        self._control: Control | None = None
        self._task: asyncio.Task[None] | None = None
        self._retry_budget = RetryBudget()
        self._changed = asyncio.Event()
        self._changes = Changes()
        self._stop_listening: Callable[[], object] = _nothing

    @classmethod
    def of(cls, conn_id: str) -> SharedWatch:
        """The watch of a connection on the running event loop."""
        key = (id(asyncio.get_running_loop()), conn_id)
        return cls._watches.setdefault(key, cls(conn_id))

    async def follow(self, subscription: Subscription) -> AsyncGenerator[PollResult, None]:
        """Yield the news of each poll for one wait, starting with its present state; never ends by itself.

        :raises NotFound: the cluster or job does not exist.
        :raises Exception: the error of the polls, after they failed for a minute.
        """
        self._subscriptions.add(subscription)
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(
                self._poll_while_needed(), name=f"dcluster watch {self._conn_id}"
            )
        try:
            has_more = False
            while True:
                # A wait that requests the next result has logged the previous one.
                subscription.takes_log = subscription.results.empty()
                if has_more and subscription.takes_log:
                    self._note(subscription.cluster_id)
                result = await subscription.results.get()
                if isinstance(result, Exception):
                    raise result
                if result.log_was_read:
                    has_more = result.log_is_cut and bool(result.log_text)
                elif subscription.log_start is not None and result.record.state.is_final:
                    has_more = True
                yield result
        finally:
            self._subscriptions.discard(subscription)

    async def control(self) -> Control:
        """The use cases of the connection, which is read once while there are waits."""
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
            polled_at = -math.inf
            self._retry_budget.reset()
            while self._is_needed():
                waits = list(self._subscriptions)
                pace = min((wait.poll_interval for wait in waits), default=_TERMINATING_INTERVAL)
                changes, self._changes = self._changes, Changes()
                self._changed.clear()
                if time.monotonic() >= polled_at + pace:
                    await self._poll_for(waits, thread)
                    polled_at = time.monotonic()
                elif concerned := [wait for wait in waits if changes.concern(wait)]:
                    await self._poll_for(concerned, thread)
                elif self._terminating:
                    await self._poll_for([], thread)
                following = polled_at + pace - time.monotonic()
                await self._wait_for_change(
                    max(0.0, min(following, _TERMINATING_INTERVAL) if self._terminating else following)
                )
        except Exception as error:  # the waits have to fail: nothing polls any more
            log.exception("The watch of connection %s has ended", self._conn_id)
            for wait in self._subscriptions:
                wait.results.put_nowait(error)
        finally:
            self._listen_to(None)
            thread.shutdown(wait=False)  # the loop does not wait for a poll that is no longer needed
            self._control = None  # the next wait reads the connection again

    def _is_needed(self) -> bool:
        now = time.monotonic()
        self._terminating = {cluster: until for cluster, until in self._terminating.items() if until > now}
        return bool(self._subscriptions or self._terminating)

    async def _wait_for_change(self, timeout: float) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout)
            await asyncio.sleep(_GATHERED_SECONDS)

    def _listen_to(self, control: Control | None) -> None:
        """Subscribe to changes between polls, where the platform notifies of them."""
        self._stop_listening()
        self._stop_listening = _nothing
        if control is not None and isinstance(control.platform, SupportsChangeNotification):
            loop = asyncio.get_running_loop()

            def note_change(cluster_id: int | None) -> None:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._note, cluster_id)

            self._stop_listening = control.platform.on_change(note_change)

    def _note(self, cluster_id: int | None) -> None:
        self._changes.add(cluster_id)
        self._changed.set()

    async def _poll_for(self, waits: list[Subscription], thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        try:
            control = await self.control()
            terminating = frozenset(self._terminating)
            results, still_terminating = await loop.run_in_executor(thread, poll, control, waits, terminating)
        except Exception as error:  # noqa: BLE001  # one failed look must not end every wait
            log.warning("A poll of connection %s failed: %s", self._conn_id, error)
            if isinstance(error, CredentialsRefused) and self._control is not None:
                reconnect(self._control.platform)
            if waits and not self._retry_budget.allows_retry():
                for wait in waits:
                    wait.results.put_nowait(error)
            return
        self._retry_budget.reset()
        for ended in terminating - still_terminating:
            self._terminating.pop(ended, None)
        for wait, result in results:
            if isinstance(result, PollResult):
                record = result.record
                wait.cluster_id = record.cluster_id if isinstance(record, Job) else record.id
                wait.log_start = result.log_end if wait.log_start is not None else None
                if isinstance(record, Job) and record.state.is_final and record.owns_cluster:
                    self._terminating.setdefault(record.cluster_id, time.monotonic() + _TERMINATING_SECONDS)
                wait.takes_log = wait.takes_log and not result.log_text
            wait.results.put_nowait(result)


def _nothing() -> None:
    """Stop nothing, as long as nothing is subscribed to."""

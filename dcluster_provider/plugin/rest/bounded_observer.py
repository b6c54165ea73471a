"""Polls clusters and jobs for responses: a few at a time, and none for longer than a caller should wait.

A call runs on a thread that it shares with Airflow's own API. A platform that does not answer is retried for a minute,
so the poll has a thread of its own and continues there while the call returns the last observed state.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from cachetools import LRUCache

from dcluster_provider.core.errors import PlatformUnavailable
from dcluster_provider.core.record import Cluster, Job

if TYPE_CHECKING:
    from fastapi import Response

    from dcluster_provider.hooks.dcluster import DClusterHook

Result = TypeVar("Result")
Record = TypeVar("Record", Cluster, Job)

_SECONDS = 5.0
_THREADS = 8
_REMEMBERED = 10_000  # records whose last poll is remembered


@dataclass(frozen=True)
class ObservedRecord(Generic[Record]):
    """A record for a response.

    :param age: seconds since it was observed; None when it was observed for this response.
    :param why: why it could not be observed now.
    """

    record: Record
    age: int | None = None
    why: str = ""

    def mark_stale(self, response: Response) -> None:
        """Mark a response as stale in its headers, unless the record is current."""
        if self.age is not None:
            response.headers["Age"] = str(self.age)
            response.headers["Warning"] = '110 dcluster "Response is Stale"'

    def as_json(self) -> dict[str, object]:
        """The staleness as fields of a JSON object; empty when the record is current."""
        return {} if self.age is None else {"stale": {"ageSeconds": self.age, "why": self.why}}


class BoundedObserver:
    """The polls of one process.

    :param seconds: the most that one may take; while one of a connection takes longer, no other of it is started.
    :param threads: the most polls at once, of all connections.
    """

    def __init__(self, seconds: float = _SECONDS, threads: int = _THREADS) -> None:
        self._seconds = seconds
        self._threads = threads
        self._lock = threading.Lock()
        self._begun: dict[Future[object], tuple[str, float]] = {}
        self._observed_at: LRUCache[tuple[str, str, int], float] = LRUCache(_REMEMBERED)

    def within_limits(self, conn_id: str, poll: Callable[[], Result]) -> Result:
        """Run a poll within the limits, and return its result.

        :raises PlatformUnavailable: the poll took too long, or too many others are running.
        """
        done: Future[Result] = Future()
        now = time.monotonic()
        with self._lock:
            late = [at for conn, at in self._begun.values() if conn == conn_id and now - at >= self._seconds]
            if late:
                raise PlatformUnavailable(
                    f"The platform of the connection {conn_id!r} has not answered for {now - min(late):.0f} s"
                )
            if len(self._begun) >= self._threads:
                raise PlatformUnavailable(f"{len(self._begun)} polls are running already")
            self._begun[done] = (conn_id, now)  # type: ignore[index]  # whatever its result
        threading.Thread(target=self._run, args=(poll, done), daemon=True, name="dcluster-poll").start()
        if not wait([done], self._seconds).done:
            raise PlatformUnavailable(
                f"The platform of the connection {conn_id!r} has not answered for {self._seconds:g} s"
            )
        return done.result()

    def cluster(self, hook: DClusterHook, cluster: Cluster) -> ObservedRecord[Cluster]:
        """A cluster in its current state, or the last observed one."""
        clusters = hook.clusters

        def poll() -> tuple[Cluster, str]:
            observed = clusters.observe([cluster.id])[cluster.id]
            unobservable = clusters.unobservable(cluster.id)
            return observed, str(unobservable.why) if unobservable else ""

        return self._observed("cluster", cluster, poll)

    def job(self, hook: DClusterHook, job: Job) -> ObservedRecord[Job]:
        """A job in its current state, or the last observed one."""
        jobs = hook.jobs

        def poll() -> tuple[Job, str]:
            observed = jobs.observe([job.id])[job.id]
            unobservable = jobs.unobservable(observed)
            return observed, str(unobservable.why) if unobservable else ""

        return self._observed("job", job, poll)

    def _observed(
        self, kind: str, record: Record, poll: Callable[[], tuple[Record, str]]
    ) -> ObservedRecord[Record]:
        key = (kind, record.conn_id, record.id)
        try:
            found, why = self.within_limits(record.conn_id, poll)
        except PlatformUnavailable as error:
            found, why = record, str(error)
        with self._lock:
            if not why:
                self._observed_at[key] = time.time()
                return ObservedRecord(found)
            # Since this state began, no poll of any process has observed another one.
            at = max(self._observed_at.get(key, 0.0), found.state_since.timestamp())
        return ObservedRecord(found, max(0, int(time.time() - at)), why)

    def _run(self, poll: Callable[[], Result], done: Future[Result]) -> None:
        try:
            done.set_result(poll())
        except BaseException as error:  # noqa: BLE001  # whoever waits raises it
            done.set_exception(error)
        finally:
            with self._lock:
                del self._begun[done]  # type: ignore[arg-type]  # whatever its result


OBSERVER = BoundedObserver()

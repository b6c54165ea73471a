"""Observe clusters and jobs for an answer: a few at a time, and none for longer than a caller should wait.

A call runs on a thread that Airflow's own API shares. A platform that does not answer is asked again for a minute, so
the observation has a thread of its own and goes on there while the call answers what was observed last.
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
_REMEMBERED = 10_000  # records whose last look is remembered


@dataclass(frozen=True)
class ObservedRecord(Generic[Record]):
    """A record for an answer.

    :param age: seconds since it was seen so; none when it was seen for this answer.
    :param why: it could not be seen now.
    """

    record: Record
    age: int | None = None
    why: str = ""

    def tell(self, response: Response) -> None:
        """Say in an answer's headers that it is not of this moment."""
        if self.age is not None:
            response.headers["Age"] = str(self.age)
            response.headers["Warning"] = '110 dcluster "Response is Stale"'

    def as_json(self) -> dict[str, object]:
        """The same as fields of a JSON object; none when it is of this moment."""
        return {} if self.age is None else {"stale": {"ageSeconds": self.age, "why": self.why}}


class BoundedObserver:
    """The observations of one process.

    :param seconds: that one may take; while one of a connection takes longer, none of it is begun.
    :param threads: observations at once, of all connections.
    """

    def __init__(self, seconds: float = _SECONDS, threads: int = _THREADS) -> None:
        self._seconds = seconds
        self._threads = threads
        self._lock = threading.Lock()
        self._begun: dict[Future[object], tuple[str, float]] = {}
        self._seen_at: LRUCache[tuple[str, str, int], float] = LRUCache(_REMEMBERED)

    def within_limits(self, conn_id: str, look: Callable[[], Result]) -> Result:
        """What a look gives.

        :raises PlatformUnavailable: not in time, or too many others are looking.
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
                raise PlatformUnavailable(f"{len(self._begun)} looks are under way already")
            self._begun[done] = (conn_id, now)  # type: ignore[index]  # whatever its result
        threading.Thread(target=self._run, args=(look, done), daemon=True, name="dcluster-look").start()
        if not wait([done], self._seconds).done:
            raise PlatformUnavailable(
                f"The platform of the connection {conn_id!r} has not answered for {self._seconds:g} s"
            )
        return done.result()

    def cluster(self, hook: DClusterHook, cluster: Cluster) -> ObservedRecord[Cluster]:
        """A cluster as it is now, or as it was seen last."""
        clusters = hook.clusters

        def look() -> tuple[Cluster, str]:
            seen = clusters.observe([cluster.id])[cluster.id]
            unobservable = clusters.unobservable(cluster.id)
            return seen, str(unobservable.why) if unobservable else ""

        return self._seen("cluster", cluster, look)

    def job(self, hook: DClusterHook, job: Job) -> ObservedRecord[Job]:
        """A job as it is now, or as it was seen last."""
        jobs = hook.jobs

        def look() -> tuple[Job, str]:
            seen = jobs.observe([job.id])[job.id]
            unobservable = jobs.unobservable(seen)
            return seen, str(unobservable.why) if unobservable else ""

        return self._seen("job", job, look)

    def _seen(
        self, kind: str, record: Record, look: Callable[[], tuple[Record, str]]
    ) -> ObservedRecord[Record]:
        key = (kind, record.conn_id, record.id)
        try:
            found, why = self.within_limits(record.conn_id, look)
        except PlatformUnavailable as error:
            found, why = record, str(error)
        with self._lock:
            if not why:
                self._seen_at[key] = time.time()
                return ObservedRecord(found)
            # Nobody has seen another state since this one began, whoever looked last.
            at = max(self._seen_at.get(key, 0.0), found.state_since.timestamp())
        return ObservedRecord(found, max(0, int(time.time() - at)), why)

    def _run(self, look: Callable[[], Result], done: Future[Result]) -> None:
        try:
            done.set_result(look())
        except BaseException as error:  # noqa: BLE001  # whoever waits raises it
            done.set_exception(error)
        finally:
            with self._lock:
                del self._begun[done]  # type: ignore[arg-type]  # whatever its result


OBSERVER = BoundedObserver()

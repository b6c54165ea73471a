"""Waits on a worker, poll by poll: for a cluster or job to reach a state, and for work on nodes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from typing import Any, Generic, Protocol, TypeVar

from dcluster_provider.core.errors import (
    CredentialsRefused,
    PlatformUnavailable,
    RegistryUnusable,
    WaitTimeout,
)
from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState
from dcluster_provider.platforms.base import Platform
from dcluster_provider.platforms.capabilities import reconnect

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 60.0
_MAX_FAILURES = 10  # polls in a row without an answer of the cloud or API server

Record = TypeVar("Record", bound=Cluster | Job)


class Wait(Generic[Record]):
    """A wait for one cluster or job to reach a state.

    :param poll: polls the record.
    :param timeout: seconds; None means no limit.
    :param poll_interval: seconds between two polls.
    """

    def __init__(
        self, platform: Platform, poll: Callable[[], Record], timeout: float | None, poll_interval: float
    ) -> None:
        self._platform = platform
        self._poll = poll
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._poll_interval = poll_interval
        self._retry_budget = RetryBudget()

    def until(
        self,
        states: Collection[ClusterState] | Collection[JobState],
        *,
        first: Record | None,
        on_poll: Callable[[Record], None] | None,
        check: Callable[[Record], None],
        so_far: Callable[[Record], str] = lambda _: "",
    ) -> Record:
        """Poll until the record is in one of the states, and return it.

        :param first: the record as another process has just polled it, instead of a first poll.
        :param on_poll: called with each polled record; None logs changes of state.
        :param check: called with each record in none of the states; raises when it cannot reach one any more.
        :param so_far: describes the progress of a record, for the error of a timeout.
        :raises WaitTimeout: the timeout passed.
        :raises DClusterError: polls failed for a minute, or until the timeout.
        """
        on_poll = on_poll or _log_changes()
        while True:
            record, first = first or self._poll_with_retries(), None
            if record is not None:
                on_poll(record)
                if record.state in states:
                    return record
                check(record)
                if self._is_over:
                    state = f"{record} is {record.state.value} after {self._timeout:g} s"
                    raise WaitTimeout(f"{state}{so_far(record)}; it was left as it is")
            time.sleep(self._poll_interval)

    @property
    def _is_over(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _poll_with_retries(self) -> Record | None:
        """The polled record; None when the poll failed and will be retried."""
        try:
            found = self._poll()
        except (PlatformUnavailable, RegistryUnusable) as error:
            if self._is_over or not self._retry_budget.allows_retry():
                raise
            _LOG.warning("A poll failed and will be retried: %s", error)
            if isinstance(error, CredentialsRefused):
                reconnect(self._platform)
            return None
        self._retry_budget.reset()
        return found


def _log_changes() -> Callable[[Cluster | Job], None]:
    """A callback that logs the state of a record whenever it changes."""
    logged: ClusterState | JobState | None = None

    def log(record: Cluster | Job) -> None:
        nonlocal logged
        if record.state is not logged:
            _LOG.info("%s is %s", record, record.state.value)
        logged = record.state

    return log


class RetryBudget:
    """Allows polls to fail in a row for a minute."""

    def __init__(self) -> None:
        self._since: float | None = None

    def allows_retry(self) -> bool:
        """Record a failed poll; whether there is time for another one."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        return now - self._since < _RETRY_SECONDS

    def reset(self) -> None:
        """Record a successful poll, which ends a row of failed ones."""
        self._since = None


class Progress(Protocol):
    """The progress of work on nodes; as text, one line for a log."""

    @property
    def is_finished(self) -> bool:
        """Whether there is nothing left to wait for."""

    def as_json(self) -> dict[str, Any]:
        """The progress as a JSON object, for triggers and XCom."""


Polled = TypeVar("Polled", bound=Progress)


class ProgressPoller(Generic[Polled]):
    """Polls some work; some polls may get no answer.

    :param last: the progress at the last answered poll, as text.
    """

    def __init__(self, poll: Callable[[], Polled]) -> None:
        self._poll = poll
        self._failures = 0
        self.last = ""

    def once(self) -> tuple[Polled | None, str]:
        """Poll once: the progress (None without an answer), and a line for the log if something is new.

        :raises PlatformUnavailable: ten polls in a row got no answer.
        """
        try:
            progress = self._poll()
        except PlatformUnavailable as error:
            self._failures += 1
            if self._failures >= _MAX_FAILURES:
                raise
            return None, f"Poll {self._failures} failed: {error}"
        self._failures = 0
        before, self.last = self.last, str(progress)
        return progress, self.last if self.last != before else ""


def wait_for(
    poll: Callable[[], Polled], timeout: float | None, poll_interval: float, report: Callable[[str], None]
) -> Polled:
    """Poll until the work is finished.

    :param timeout: seconds; None means no limit.
    :param poll_interval: seconds between two polls.
    :param report: called with a line for every change and every failed poll.
    :raises WaitTimeout: the timeout passed.
    :raises PlatformUnavailable: ten polls in a row got no answer.
    """
    end = None if timeout is None else time.monotonic() + timeout
    poller = ProgressPoller(poll)
    while True:
        progress, news = poller.once()
        if news:
            report(news)
        if progress is not None and progress.is_finished:
            return progress
        if end is not None and time.monotonic() >= end:
            raise WaitTimeout(f"The time of {timeout:.0f} s is up: {poller.last or 'no poll was answered'}")
        time.sleep(poll_interval)

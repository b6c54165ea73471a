"""Waits for work on nodes that proceeds poll by poll."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from dcluster_provider.core.errors import PlatformUnavailable, WaitTimeout

_MAX_FAILURES = 10  # polls in a row without an answer of the cloud or API server


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

"""Waiting for work on nodes that goes on from look to look."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from dcluster_provider.core.errors import PlatformUnavailable, WaitTimeout

_FAILURES_BORNE = 10  # looks in a row that may find a cloud or API server that does not answer


class Progress(Protocol):
    """How far work on nodes has got; as text it is one line for a log."""

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to wait for."""

    def as_json(self) -> dict[str, Any]:
        """The progress as a JSON object."""


Polled = TypeVar("Polled", bound=Progress)


class ProgressPoller(Generic[Polled]):
    """Polls some work; some polls may get no answer.

    :param told: the progress at the last poll that was answered.
    """

    def __init__(self, look: Callable[[], Polled]) -> None:
        self._poll = look
        self._failures = 0
        self.told = ""

    def once(self) -> tuple[Polled | None, str]:
        """How far the work has got (none when nobody answers), and what is new, if anything.

        :raises PlatformUnavailable: ten looks in a row found nobody who answers.
        """
        try:
            progress = self._poll()
        except PlatformUnavailable as error:
            self._failures += 1
            if self._failures >= _FAILURES_BORNE:
                raise
            return None, f"Look {self._failures} failed: {error}"
        self._failures = 0
        before, self.told = self.told, str(progress)
        return progress, self.told if self.told != before else ""


def wait_for(
    look: Callable[[], Polled], timeout: float | None, poll_interval: float, report: Callable[[str], None]
) -> Polled:
    """Look until the work is finished.

    :param timeout: seconds; none means for ever.
    :param poll_interval: seconds between two looks.
    :param report: told of every change, and of looks that nobody answered.
    :raises WaitTimeout: the timeout passed.
    :raises PlatformUnavailable: ten looks in a row found nobody who answers.
    """
    end = None if timeout is None else time.monotonic() + timeout
    looks = ProgressPoller(look)
    while True:
        progress, news = looks.once()
        if news:
            report(news)
        if progress is not None and progress.is_finished:
            return progress
        if end is not None and time.monotonic() >= end:
            raise WaitTimeout(f"The time of {timeout:.0f} s is up: {looks.told or 'nobody answered'}")
        time.sleep(poll_interval)

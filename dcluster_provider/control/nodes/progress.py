"""Waiting for work on nodes that goes on from look to look."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from dcluster_provider.core.errors import PlatformUnavailable, WaitTimeout

_FAILURES_BORNE = 10  # looks in a row that may find a cloud or API server that does not answer


class Progress(Protocol):
    """How far work on nodes has got; as text it is one line for a log."""

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to wait for."""

    def as_json(self) -> dict[str, Any]:
        """The progress as a JSON object."""


Looked = TypeVar("Looked", bound=Progress)


def wait_for(
    look: Callable[[], Looked], timeout: float | None, poll_interval: float, report: Callable[[str], None]
) -> Looked:
    """Look until the work is finished.

    :param timeout: seconds; none means for ever.
    :param poll_interval: seconds between two looks.
    :param report: told of every change.
    :raises WaitTimeout: the timeout passed.
    :raises PlatformUnavailable: ten looks in a row found nobody who answers.
    """
    end = None if timeout is None else time.monotonic() + timeout
    told, failures = "", 0
    while True:
        try:
            progress = look()
        except PlatformUnavailable:
            failures += 1
            if failures >= _FAILURES_BORNE:
                raise
        else:
            failures = 0
            if str(progress) != told:
                told = str(progress)
                report(told)
            if progress.is_finished:
                return progress
        if end is not None and time.monotonic() >= end:
            raise WaitTimeout(f"The time of {timeout:.0f} s is up: {told or 'nobody answered'}")
        time.sleep(poll_interval)

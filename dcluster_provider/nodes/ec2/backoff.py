"""Polls with growing intervals, because EC2's listings follow its launches after a while."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Polls with growing intervals.

    :param seconds: in which the last poll is.
    :param first: seconds between the first two polls.
    :param min_polls: the least number of polls, however long EC2's answers take.
    """

    seconds: float = 20.0
    first: float = 0.2
    min_polls: int = 6

    def polls(self) -> Iterator[int]:
        """Yield at once, and again after each interval until the time is over; the caller stops when it is done."""
        until = time.monotonic() + self.seconds
        pause, number = self.first, 0
        while True:
            yield number
            number += 1
            left = until - time.monotonic()
            if left > 0:
                time.sleep(min(pause, left))
            elif number >= self.min_polls:
                return
            pause = min(pause * 2, 2.0)

"""How long is waited for EC2's listings, which follow its launches after a while."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Looks at growing distances.

    :param seconds: in which the last look is.
    :param first: seconds between the first two looks.
    :param least: looks that there are at least, however long EC2's answers take.
    """

    seconds: float = 20.0
    first: float = 0.2
    least: int = 6

    def looks(self) -> Iterator[int]:
        """One look at once, further ones until the time is over; the caller stops when it has seen enough."""
        until = time.monotonic() + self.seconds
        pause, look = self.first, 0
        while True:
            yield look
            look += 1
            left = until - time.monotonic()
            if left > 0:
                time.sleep(min(pause, left))
            elif look >= self.least:
                return
            pause = min(pause * 2, 2.0)

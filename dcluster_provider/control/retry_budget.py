"""How long polls may fail before a wait is given up."""

from __future__ import annotations

import time

_SECONDS = 60.0


class RetryBudget:
    """Allows polls to fail, one after the other, for a minute."""

    def __init__(self) -> None:
        self._since: float | None = None

    def allows_retry(self) -> bool:
        """Note a poll that failed; whether the next may be waited for."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        return now - self._since < _SECONDS

    def reset(self) -> None:
        """Note a poll that did not fail."""
        self._since = None

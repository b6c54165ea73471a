"""How long polls may fail before a wait gives up."""

from __future__ import annotations

import time

_SECONDS = 60.0


class RetryBudget:
    """Allows polls to fail in a row for a minute."""

    def __init__(self) -> None:
        self._since: float | None = None

    def allows_retry(self) -> bool:
        """Record a failed poll; whether there is time for another one."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        return now - self._since < _SECONDS

    def reset(self) -> None:
        """Record a successful poll, which ends a row of failed ones."""
        self._since = None

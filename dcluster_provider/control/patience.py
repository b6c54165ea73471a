"""How long looks may fail before a wait is given up."""

from __future__ import annotations

import time

_SECONDS = 60.0


class Patience:
    """Bears looks that fail, one after the other, for a minute."""

    def __init__(self) -> None:
        self._since: float | None = None

    def bears(self) -> bool:
        """Note a look that failed; whether the next may be waited for."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        return now - self._since < _SECONDS

    def renew(self) -> None:
        """Note a look that did not fail."""
        self._since = None

"""What a wait bears before it is given up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from dcluster_provider.core.errors import CredentialsRefused, PlatformUnavailable, RegistryUnusable
from dcluster_provider.platforms.base import Platform

_LOG = logging.getLogger(__name__)
_SECONDS = 60.0

Result = TypeVar("Result")


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


class PatientLooks:
    """The looks of a wait on a worker.

    :param deadline: by the monotonic clock, after which no failure is borne; none means never.
    """

    def __init__(self, platform: Platform, deadline: float | None) -> None:
        self._platform = platform
        self._deadline = deadline
        self._patience = Patience()

    def look(self, look: Callable[[], Result]) -> Result | None:
        """What a look shows; nothing when it failed and is to be made again.

        :raises DClusterError: looks have failed for a minute, or until the deadline.
        """
        try:
            found = look()
        except (PlatformUnavailable, RegistryUnusable) as error:
            in_time = self._deadline is None or time.monotonic() < self._deadline
            if not (self._patience.bears() and in_time):
                raise
            _LOG.warning("A look failed and is made again: %s", error)
            if isinstance(error, CredentialsRefused):
                self._platform.reconnect()
            return None
        self._patience.renew()
        return found

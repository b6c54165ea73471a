"""Which clusters and jobs cannot be seen just now, why, and since when."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from dcluster_provider.core.errors import DClusterError
from dcluster_provider.core.observation import Unseen

_LOG = logging.getLogger(__name__)
# A refusal is not waited out for longer than it takes to notice it and to grant again what was withdrawn.
_REFUSED_SECONDS = 300.0
_KEPT_SECONDS = 600.0

Observation = TypeVar("Observation")


@dataclass
class Hidden:
    """A cluster or job that cannot be seen.

    :param last: monotonic time of the last look.
    :param refused_since: since when its platform refuses to tell of it; none when it only does not answer.
    """

    why: DClusterError
    last: float
    refused_since: float | None

    @property
    def is_hopeless(self) -> bool:
        """Whether the platform has refused to tell of it for so long that nobody should wait any more.

        A platform that does not answer is waited for however long that takes: what runs there goes on.
        """
        return self.refused_since is not None and self.last - self.refused_since >= _REFUSED_SECONDS


class Sightings:
    """What one process does not see of the clusters or jobs that it looks at, by id."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._hidden: dict[int, Hidden] = {}

    def seen(self, looked_at: Mapping[int, Observation | Unseen]) -> dict[int, Observation]:
        """The observations of a look; what could not be seen is remembered instead."""
        now = time.monotonic()
        observations: dict[int, Observation] = {}
        for number, found in looked_at.items():
            if isinstance(found, Unseen):
                self._hide(number, found, now)
            else:
                observations[number] = found
                self._hidden.pop(number, None)
        # Other threads look, too: a copy is made in one go, and what they add meanwhile is left alone.
        for number, hidden in self._hidden.copy().items():
            if now - hidden.last >= _KEPT_SECONDS:
                self._hidden.pop(number, None)
        return observations

    def hidden(self, number: int) -> Hidden | None:
        """Why a cluster or job was not seen by the last look; none when it was."""
        return self._hidden.get(number)

    def _hide(self, number: int, found: Unseen, now: float) -> None:
        known = self._hidden.get(number)
        if known is None or str(known.why) != str(found.why):
            _LOG.warning("Nothing can be told just now of %s %d: %s", self._kind, number, found.why)
        refused_since = (known and known.refused_since) or now
        self._hidden[number] = Hidden(found.why, now, refused_since if found.is_refused else None)


def raise_if_hopeless(hidden: Hidden | None) -> None:
    """Refuse to wait any longer for what its platform refuses to tell of.

    :raises DClusterError: the refusal.
    """
    if hidden is not None and hidden.is_hopeless:
        raise hidden.why

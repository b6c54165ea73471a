"""Which candidates had no capacity, for a caller who asks again after EC2 has throttled."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock

from dcluster_provider.nodes.ec2.capacity_pools import CapacityPool

_KEPT_SECONDS = 180.0


@dataclass
class Attempts:
    """The refusals of one order: candidate, and what EC2 said.

    :param at: seconds of the monotonic clock when the first was tried.
    """

    refused: dict[CapacityPool, str] = field(default_factory=dict)
    at: float = field(default_factory=time.monotonic)


class AttemptsByOrder:
    """Remembers the refusals of orders that are under way, so that they are not asked for from the first one again."""

    def __init__(self) -> None:
        self._orders: dict[str, Attempts] = {}
        self._lock = Lock()

    def of(self, mark: str) -> Attempts:
        """The refusals of an order in the last three minutes."""
        with self._lock:
            now = time.monotonic()
            self._orders = {
                mark: tried for mark, tried in self._orders.items() if now - tried.at < _KEPT_SECONDS
            }
            return self._orders.setdefault(mark, Attempts())

    def forget(self, mark: str) -> None:
        """Have every candidate tried again: the order was filled, or failed."""
        with self._lock:
            self._orders.pop(mark, None)

"""Remembers which candidates had no capacity, for a launch that is repeated after EC2 has throttled."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock

from dcluster_provider.nodes.ec2.capacity_pools import CapacityPool

_KEPT_SECONDS = 180.0


@dataclass
class Attempts:
    """The failed candidates of one order, each with EC2's message.

    :param at: seconds of the monotonic clock at the first attempt.
    """

    failed: dict[CapacityPool, str] = field(default_factory=dict)
    at: float = field(default_factory=time.monotonic)


class AttemptsByOrder:
    """The failed candidates of current orders, so that a repeated launch does not start over with the first one."""

    def __init__(self) -> None:
        self._orders: dict[str, Attempts] = {}
        self._lock = Lock()

    def of(self, mark: str) -> Attempts:
        """The failed candidates of an order in the last three minutes."""
        with self._lock:
            now = time.monotonic()
            self._orders = {
                mark: attempts for mark, attempts in self._orders.items() if now - attempts.at < _KEPT_SECONDS
            }
            return self._orders.setdefault(mark, Attempts())

    def forget(self, mark: str) -> None:
        """Start over with all candidates: the order was filled, or failed."""
        with self._lock:
            self._orders.pop(mark, None)

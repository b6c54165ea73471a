"""How long what may come by itself is waited for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GracePeriods:
    """How long what may come by itself is waited for.

    :param unschedulable: seconds for a node; an autoscaler needs minutes.
    :param mount: seconds for volumes, the network, and a registry or webhook that is out of order.
    """

    unschedulable: float
    mount: float

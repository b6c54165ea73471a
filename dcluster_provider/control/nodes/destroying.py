"""Machines that are to go: how far that has got."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Destroyed:
    """How far the destruction of machines has got.

    :param given_back: the cloud's ids of those that are gone, or on their way.
    :param draining: what those still have on them, by their ids.
    :param left: why those were left as they are, by their ids.
    """

    given_back: tuple[str, ...] = ()
    draining: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        """Whether nothing is draining any more."""
        return not self.draining

    def as_json(self) -> dict[str, Any]:
        """The progress as a JSON object."""
        return {"given_back": list(self.given_back), "draining": self.draining, "left": self.left}

    def __str__(self) -> str:
        told = (
            f"{len(self.given_back)} nodes given back, {len(self.draining)} draining, {len(self.left)} left"
        )
        waiting = [f"{node_id}: {why}" for node_id, why in (self.draining | self.left).items()]
        return "; ".join([told, *waiting[:5]])

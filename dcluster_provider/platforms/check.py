"""The result of one check of a platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Check:
    """The result of one check.

    :param name: what was looked at.
    :param outcome: ``warning`` means that clusters can be made, and something is missing or could not be looked at.
    :param found: what was found, in a sentence.
    :param remedy: what to do; empty where there is nothing to do.
    """

    name: str
    outcome: Outcome
    found: str
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        """The result as a JSON object."""
        return {"check": self.name, "outcome": self.outcome, "found": self.found, "remedy": self.remedy}

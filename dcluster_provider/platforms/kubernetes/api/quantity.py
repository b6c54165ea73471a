"""Quantities as Kubernetes writes them, of anything and in any amount."""

from __future__ import annotations

import re
from decimal import Decimal

_UNITS = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("0.001"),
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkKMGTPE]?i?)")


def is_quantity(value: object) -> bool:
    """Whether Kubernetes takes it for a quantity: a number, or its text with or without a unit."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return True
    found = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
    return found is not None and found[2] in _UNITS


def amount(text: str) -> Decimal:
    """The number that a quantity means; 0 for what is none."""
    found = _QUANTITY.fullmatch(text.strip())
    if found is None or found[2] not in _UNITS:
        return Decimal(0)
    return Decimal(found[1]) * _UNITS[found[2]]

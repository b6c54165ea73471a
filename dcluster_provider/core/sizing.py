"""Quantities as Kubernetes and the JVM write them: of processor and memory, and of anything."""

from __future__ import annotations

import re
from decimal import Decimal
from math import ceil

from dcluster_provider.core.errors import InvalidSpec

_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_DECIMAL = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
# The JVM and Spark write 512m and 2g and mean powers of two.
_JVM = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_QUANTITY = re.compile(r"^(\d+(?:\.\d+)?)([A-Za-z]*)$")
_MEMORY_EXAMPLES = "512Mi, 8Gi, 8G or the JVM's 8g"

MIB = 2**20
GIB = 2**30
MIN_CORES = Decimal("0.001")
MAX_CORES = 1024
MAX_MEMORY = 4096 * GIB
_ALL_UNITS = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("0.001"),
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}
_ANY_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkKMGTPE]?i?)")


def cpu_cores(text: str) -> Decimal:
    """The number of cores that a Kubernetes CPU quantity means.

    :param text: ``2``, ``0.5`` or ``500m`` (thousandths of a core).
    :raises InvalidSpec: it is not such a quantity, or not from 1m to 1024 cores.
    """
    matched = _QUANTITY.match(text.strip())
    if matched is None or matched[2] not in ("", "m"):
        raise InvalidSpec(
            f"{text!r} is not an amount of CPU; write cores as 2 or 0.5, or thousandths as 500m"
        )
    cores = Decimal(matched[1]) / (1000 if matched[2] else 1)
    if not MIN_CORES <= cores <= MAX_CORES:
        raise InvalidSpec(f"{text[:40]!r} is not between 1m and {MAX_CORES} cores")
    return cores


def whole_cores(text: str) -> int:
    """Cores rounded up to whole ones, for engines that count only whole cores (a Spark worker, a Flink slot)."""
    return max(1, ceil(cpu_cores(text)))


def memory_bytes(text: str) -> int:
    """The number of bytes that a memory quantity means.

    :param text: a Kubernetes quantity (``8Gi``, ``512Mi``, ``8G``) or a JVM size (``8g``, ``512m``, powers of two).
    :raises InvalidSpec: it is not such a quantity, or not from 1 MiB to 4 TiB; the message names the nearest valid one.
    """
    matched = _QUANTITY.match(text.strip())
    unit = matched[2] if matched else ""
    factor = _BINARY.get(unit) or _JVM.get(unit) or _DECIMAL.get(unit)
    if matched is None or factor is None:
        raise InvalidSpec(
            f"{text!r} is not an amount of memory; write {_nearest_memory(text) or _MEMORY_EXAMPLES}"
        )
    amount = int(Decimal(matched[1]) * factor)
    if not MIB <= amount <= MAX_MEMORY:
        raise InvalidSpec(f"{text[:40]!r} is not between 1Mi and 4096Gi of memory; write {_MEMORY_EXAMPLES}")
    return amount


def _nearest_memory(text: str) -> str | None:
    found = re.match(r"^\s*(\d+(?:\.\d+)?)\s*([KMGTkmgt])[iI]?(?:[bB](?:ytes?)?)?\s*$", text)
    return f"{found[1]}{found[2].upper()}i" if found else None


def is_quantity(value: object) -> bool:
    """Whether Kubernetes takes it for a quantity: a number, or its text with or without a unit."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return True
    found = _ANY_QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
    return found is not None and found[2] in _ALL_UNITS


def amount(text: str) -> Decimal:
    """The number that a quantity means; 0 for what is none."""
    found = _ANY_QUANTITY.fullmatch(text.strip())
    if found is None or found[2] not in _ALL_UNITS:
        return Decimal(0)
    return Decimal(found[1]) * _ALL_UNITS[found[2]]

"""The values of Spark's settings, as Spark itself reads them."""

from __future__ import annotations

import re

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.sizing import MAX_CORES, MAX_MEMORY, MIB
from dcluster_provider.engines.setting_checks import whole_number

_UNITS = {
    "b": 0,
    "k": 10,
    "kb": 10,
    "m": 20,
    "mb": 20,
    "g": 30,
    "gb": 30,
    "t": 40,
    "tb": 40,
    "p": 50,
    "pb": 50,
}
_SIZE = re.compile(r"(\d{1,16})([a-z]*)", re.ASCII)


def memory_mib(name: str, text: str, unit: str = "m") -> int:
    """The whole MiB that a size means.

    :param unit: what a bare number counts; Spark counts MiB in most settings and bytes in some.
    :raises InvalidSpec: it is none, or more than 4096 GiB.
    """
    found = _SIZE.fullmatch(text.strip().lower())
    if found is None or (found[2] or unit) not in _UNITS:
        raise InvalidSpec(f"{name} is {text[:40]!r}, not an amount of memory such as 512m or 2g")
    size = int(found[1]) << _UNITS[found[2] or unit]
    if size > MAX_MEMORY:
        raise InvalidSpec(f"{name} is {text!r}; the most is {MAX_MEMORY >> 30}g")
    return size // MIB


def core_count(name: str, text: str) -> int:
    """The number of cores that a setting means.

    :raises InvalidSpec: it is no whole number from 1 to 1024.
    """
    return whole_number(name, text, 1, MAX_CORES)


def factor(name: str, text: str, most: float = 100) -> float:
    """A factor or fraction.

    :raises InvalidSpec: it is none, or not from 0 to the most.
    """
    found = re.fullmatch(r"\d{0,9}\.?\d{1,18}(?:[eE]-?\d{1,2})?", text.strip(), re.ASCII)
    if found is None or not 0 <= float(found[0]) <= most:
        raise InvalidSpec(f"{name} is {text[:40]!r}, not a number from 0 to {most:g}")
    return float(found[0])


def positive_mib(name: str, text: str) -> int:
    """The whole MiB that the size of a heap means.

    :raises InvalidSpec: it is none, or less than 1 MiB.
    """
    mib = memory_mib(name, text)
    if mib < 1:
        raise InvalidSpec(f"{name} is {text!r}, which is less than 1m")
    return mib


def duration(name: str, text: str) -> None:
    """Refuse what is no duration.

    :raises InvalidSpec: it is none.
    """
    if not re.fullmatch(r"-?\d{1,15}(?:us|ms|s|m|min|h|d)?", text.strip().lower(), re.ASCII):
        raise InvalidSpec(f"{name} is {text[:40]!r}, not a duration such as 30s, 5min or 500ms")


def flag(name: str, text: str) -> bool:
    """The truth value of a setting.

    :raises InvalidSpec: it is none.
    """
    if text.strip().lower() not in {"true", "false"}:
        raise InvalidSpec(f"{name} is {text[:40]!r}, neither true nor false")
    return text.strip().lower() == "true"

"""The values of Flink's settings, as Flink itself reads them."""

from __future__ import annotations

import re

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.sizing import MAX_MEMORY
from dcluster_provider.engines.spark.values import whole_number

__all__ = ["duration", "number", "size", "whole_number"]

_UNITS = {"": 0, "b": 0, "bytes": 0, "k": 10, "kb": 10, "kibibytes": 10, "m": 20, "mb": 20, "mebibytes": 20}
_UNITS |= {"g": 30, "gb": 30, "gibibytes": 30, "t": 40, "tb": 40, "tebibytes": 40}  # powers of two
_SIZE = re.compile(r"(\d{1,16})\s*([a-z]*)", re.ASCII)
_TIMES = "d|days?|h|hours?|m|min|minutes?|s|secs?|seconds?|ms|millis?|milliseconds?"
_SHORT_TIMES = "µs|micros?|microseconds?|ns|nanos?|nanoseconds?"
_DURATION = re.compile(rf"\d{{1,15}}\s*(?:{_TIMES}|{_SHORT_TIMES})?|pt?[\dhmsd.t]+", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)


def size(name: str, text: str) -> int:
    """The bytes that an amount of memory means.

    :raises InvalidSpec: it is none, or more than 4096 GiB.
    """
    found = _SIZE.fullmatch(text.strip().lower())
    if found is None or found[2] not in _UNITS:
        raise InvalidSpec(f"{name} is {text[:40]!r}, not an amount of memory such as 512m or 2g")
    amount = int(found[1]) << _UNITS[found[2]]
    if amount > MAX_MEMORY:
        raise InvalidSpec(f"{name} is {text!r}; the most is {MAX_MEMORY >> 30}g")
    return amount


def duration(name: str, text: str) -> None:
    """Refuse what is no duration.

    :raises InvalidSpec: it is none.
    """
    if not _DURATION.fullmatch(text.strip().lower()):
        raise InvalidSpec(f"{name} is {text[:40]!r}, not a duration such as 10 s, 5 min or 500 ms")


def number(name: str, text: str, low: float, high: float) -> float:
    """A number within limits.

    :raises InvalidSpec: it is none.
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None or not low <= float(found[0]) <= high:
        raise InvalidSpec(f"{name} is {text[:40]!r}, not a number from {low:g} to {high:g}")
    return float(found[0])

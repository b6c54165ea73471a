"""Checks of engine settings where they enter: values that are none, and settings that do not do what they say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from dcluster_provider.core.errors import InvalidSpec

Check = Callable[[str, str], object]


def check_fixed(field: str, given: Mapping[str, str], fixed: Mapping[str, str]) -> None:
    """Reject settings that have another value than the platform will give them.

    :raises InvalidSpec: naming the field and the setting.
    """
    for name, value in fixed.items():
        if given.get(name, value) != value:
            raise InvalidSpec(f"field {field}: {name} is {value} on this platform; leave it out")


def check_values(
    field: str, given: Mapping[str, str], kinds: Mapping[str, Check], instead: Mapping[str, str]
) -> None:
    """Reject settings whose values are none, and those that are written in another way.

    :param kinds: how the value of a setting is read, by its name.
    :param instead: what to write instead, by the regular expression of the settings' names.
    :raises InvalidSpec: naming the field and the setting.
    """
    for name, text in given.items():
        for pattern, remedy in instead.items():
            if re.fullmatch(pattern, name):
                raise InvalidSpec(f"field {field}: {name} {remedy}")
        if name in kinds:
            try:
                kinds[name](name, text)
            except InvalidSpec as error:
                raise InvalidSpec(f"field {field}: {error}") from None


def whole_number(name: str, text: str, low: int, high: int) -> int:
    """A whole number within limits.

    :raises InvalidSpec: it is none.
    """
    found = re.fullmatch(r"-?\d{1,12}", text.strip(), re.ASCII)
    if found is None or not low <= int(found[0]) <= high:
        raise InvalidSpec(f"{name} is {text[:40]!r}, not a whole number from {low} to {high}")
    return int(found[0])

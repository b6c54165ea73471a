"""Keyword arguments of operators: rejection of unknown ones, and values that templates may have made text of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from inspect import signature
from typing import Any

from dcluster_provider.core.errors import InvalidSpec, nearest

_FLAGS = {
    "true": True,
    "yes": True,
    "1": True,
    "false": False,
    "no": False,
    "0": False,
    "": False,
    "none": False,
}


def reject_unknown_arguments(operator: type, given: Iterable[str]) -> None:
    """Reject arguments that neither an operator or sensor nor its base classes have.

    :param operator: the class of the operator or sensor.
    :param given: the names of the arguments.
    :raises TypeError: an argument is unknown; the error names the nearest known one.
    """
    known: set[str] = set()
    for kind in operator.__mro__:
        if "__init__" in vars(kind):
            known |= {
                name
                for name in signature(vars(kind)["__init__"]).parameters
                if name not in ("self", "kwargs", "args")
            }
    for name in given:
        if name not in known and not name.startswith("_airflow"):
            raise TypeError(f"{operator.__name__}: unknown argument {name!r}{nearest(name, known)}")


def flag(name: str, value: Any) -> bool:
    """The truth value of an argument, also as text of a template.

    :param name: the argument's name in the error.
    :raises InvalidSpec: the value is neither true nor false.
    """
    text = str(value).strip().lower()
    if text not in _FLAGS:
        raise InvalidSpec(
            f"field {name}: {value!r} is neither true nor false{nearest(text, {'true', 'false'})}"
        )
    return _FLAGS[text]


def listed(name: str, value: Any) -> list[str]:
    """The items of a list, or of its text: JSON, Python's notation, or items separated by commas.

    :param name: the argument's name in the error.
    :raises InvalidSpec: the value is not a list.
    """
    if isinstance(value, str):
        inner = value.strip().removeprefix("[").removesuffix("]")
        return [part.strip().strip("\"'") for part in inner.split(",") if part.strip()]
    # The outputs of mapped tasks come as a sequence of Airflow's own type.
    if not isinstance(value, Iterable) or isinstance(value, (bytes, Mapping)):
        raise InvalidSpec(f"field {name}: {value!r} is not a list")
    return [str(part) for part in value]


def record_id(name: str, value: Any) -> int:
    """The id of a cluster or job, also as text of a template.

    :param name: the argument's name in the error.
    :raises InvalidSpec: the value is not a number.
    """
    text = str(value).strip()
    if not (text.isascii() and text.isdigit()):
        raise InvalidSpec(f"field {name}: {value!r} is not the number of a cluster or job")
    return int(text)


def whole_number(name: str, value: Any) -> int:
    """The whole number of an argument, also as text of a template.

    :param name: the argument's name in the error.
    :raises InvalidSpec: the value is not a whole number.
    """
    text = str(value).strip()
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()):
        raise InvalidSpec(f"field {name}: {value!r} is not a whole number")
    return int(text)


def is_literal(value: Any) -> bool:
    """Whether no part of an argument waits for templating."""
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value and not value.endswith((".json", ".j2"))
    if isinstance(value, Mapping):
        return all(is_literal(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return all(is_literal(item) for item in value)
    return value is None or isinstance(value, (int, float, timedelta))

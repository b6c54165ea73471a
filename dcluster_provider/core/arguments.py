"""Keyword arguments of operators: those that nobody knows, and what their text means."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import signature
from typing import Any

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.explain import nearest

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


def refuse_unknown_arguments(operator: type, given: Iterable[str]) -> None:
    """Refuse arguments that neither an operator or sensor nor its base classes know, naming the nearest known one.

    :raises TypeError: there is such an argument.
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
    """The truth value of an argument that a template may have made text of.

    :param name: the argument, for the error.
    :raises InvalidSpec: it means neither true nor false.
    """
    text = str(value).strip().lower()
    if text not in _FLAGS:
        raise InvalidSpec(
            f"field {name}: {value!r} is neither true nor false{nearest(text, {'true', 'false'})}"
        )
    return _FLAGS[text]

"""Keyword arguments that nobody knows."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import signature

from dcluster_provider.core.explain import nearest


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

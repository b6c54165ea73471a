"""Which of many alike trials each ring of tests makes: ``make test`` a few, ``make test-all`` all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import pytest
from rings import IS_EVERYTHING

on_both_platforms = pytest.mark.parametrize(
    "live_airflow",
    ["local", pytest.param("kubernetes", marks=pytest.mark.long)],
    indirect=True,
    scope="session",
)
Trial = TypeVar("Trial")


def one_in(number: int, trials: Sequence[Trial]) -> Sequence[Trial]:
    """All of many alike trials in a run of everything, otherwise one in a number of them."""
    return trials if IS_EVERYTHING else trials[::number]


def long_except(short: Iterable[Any], values: Iterable[Any]) -> list[Any]:
    """The values of a parameter, all but a few of them marked ``long``.

    :param short: those that every run tries.
    """
    kept = list(short)
    return [
        value if value in kept else pytest.param(*_arguments(value), marks=pytest.mark.long)
        for value in values
    ]


def _arguments(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)

"""What `make test` leaves to `make test-long`: further trials of what one trial of each kind shows.

Dozens of clusters take an hour or more, on Kubernetes above all. A value that is marked ``long`` is tried when
DCLUSTER_TEST_LONG_ON names the platforms that the long tests of a live Airflow run on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import pytest

_NAMED = os.environ.get("DCLUSTER_TEST_LONG_ON", "")
IS_LONG_RUN = bool(_NAMED)
PLATFORMS = (_NAMED or "local").split(",")  # of a live Airflow
on_the_platforms_of_long_tests = pytest.mark.parametrize(
    "live_airflow",
    PLATFORMS,
    indirect=True,
    scope="session",
)
Trial = TypeVar("Trial")


def one_in(number: int, trials: Sequence[Trial]) -> Sequence[Trial]:
    """All of many alike trials in a long run, otherwise one in a number of them."""
    return trials if IS_LONG_RUN else trials[::number]


def long_except(short: Iterable[Any], values: Iterable[Any]) -> list[Any]:
    """The values of a parameter, all but a few of them for long runs only.

    :param short: those that every run tries.
    """
    kept = list(short)
    return [
        value if value in kept else pytest.param(*_arguments(value), marks=pytest.mark.long)
        for value in values
    ]


def _arguments(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)

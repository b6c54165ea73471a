"""Where the long tests of a live Airflow run: on the local platform, unless it is said otherwise.

Dozens of clusters take long on Kubernetes, so `make test-long` runs them there, and `make test` does not.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import pytest

_PLATFORMS = os.environ.get("DCLUSTER_TEST_LONG_ON", "local").split(",")
on_the_platforms_of_long_tests = pytest.mark.parametrize(
    "live_airflow",
    _PLATFORMS,
    indirect=True,
    scope="session",
)


Trial = TypeVar("Trial")


def all_or_some(trials: Sequence[Trial]) -> Sequence[Trial]:
    """All of many alike trials where long tests run on Kubernetes, too, otherwise every third."""
    return trials if "kubernetes" in _PLATFORMS else trials[::3]

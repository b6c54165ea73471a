"""Where the long tests of a live Airflow run: on the local platform, unless it is said otherwise.

Dozens of clusters take long on Kubernetes, so `make test-long` runs them there, and `make test` does not.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

_PLATFORMS = os.environ.get("DCLUSTER_TEST_LONG_ON", "local").split(",")
on_the_platforms_of_long_tests = pytest.mark.parametrize(
    "live_airflow",
    _PLATFORMS,
    indirect=True,
    scope="session",
)


def all_or_some(trials: Sequence[int]) -> Sequence[int]:
    """All of many alike trials on Kubernetes where long tests run there, otherwise every fourth."""
    return trials if "kubernetes" in _PLATFORMS else trials[::4]

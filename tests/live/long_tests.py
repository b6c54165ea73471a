"""Where the long tests of a live Airflow run: on the local platform, unless it is said otherwise.

Dozens of clusters take long on Kubernetes, so `make test-long` runs them there, and `make test` does not.
"""

from __future__ import annotations

import os

import pytest

on_the_platforms_of_long_tests = pytest.mark.parametrize(
    "live_airflow",
    os.environ.get("DCLUSTER_TEST_LONG_ON", "local").split(","),
    indirect=True,
    scope="session",
)

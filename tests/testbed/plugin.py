"""The pytest fixture that gives tests a Kubernetes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from testbed.choice import TestbedUnavailable, running_testbed
from testbed.testbed import Testbed


@pytest.fixture(scope="session")
def testbed() -> Iterator[Testbed]:
    """One Kubernetes for the whole run: the one that ``make testbed-up`` left, or one that ends with the tests."""
    with ExitStack() as ending:
        try:
            running = ending.enter_context(running_testbed())
        except TestbedUnavailable as reason:
            pytest.skip(str(reason))
        yield running

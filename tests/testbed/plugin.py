"""The pytest fixture that gives tests a Kubernetes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from testbed.built import BuiltTestbed
from testbed.choice import TestbedUnavailable, running_testbed
from testbed.lifecycle import temporary, what_is_missing
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


@pytest.fixture(scope="session")
def own_testbed() -> Iterator[BuiltTestbed]:
    """A testbed that no other run uses, for tests that end its components."""
    missing = what_is_missing()
    if missing:
        pytest.skip(f"no Kubernetes can be built here: {missing}")
    with temporary(print) as run:
        yield BuiltTestbed(run)

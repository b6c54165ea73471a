"""The pytest fixtures that give tests a Kubernetes."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack

import pytest

from testbed.built import BuiltTestbed
from testbed.choice import TestbedUnavailable, is_to_be_built, running_testbed
from testbed.lifecycle import prepare, temporary, what_is_missing
from testbed.testbed import Testbed

_FAILURE = pytest.StashKey[str]()  # why building failed; empty when it did not


@pytest.fixture(scope="session")
def testbed(pytestconfig: pytest.Config) -> Iterator[Testbed]:
    """One Kubernetes for the whole run: the one that ``make testbed-up`` left, or one that ends with the tests."""
    _fail_if_not_built(pytestconfig)
    with ExitStack() as ending:
        try:
            running = ending.enter_context(running_testbed())
        except TestbedUnavailable as reason:
            pytest.skip(str(reason))
        yield running


@pytest.fixture(scope="session")
def own_testbed(pytestconfig: pytest.Config) -> Iterator[BuiltTestbed]:
    """A testbed that no other run uses, for tests that end its components."""
    missing = what_is_missing()
    if missing:
        pytest.skip(f"no Kubernetes can be built here: {missing}")
    _fail_if_not_built(pytestconfig)
    with temporary(print) as run:
        yield BuiltTestbed(run)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Build before the first test that needs it, outside of that test's time limit and with progress shown."""
    if _FAILURE not in item.config.stash and _needs_builds(item):
        item.config.stash[_FAILURE] = ""
        capture = item.config.pluginmanager.getplugin("capturemanager")
        assert capture is not None
        with capture.global_and_fixture_disabled():
            try:
                prepare(lambda message: print(f"\n{message}", end="", flush=True))
            except (RuntimeError, OSError) as error:
                item.config.stash[_FAILURE] = str(error)
    return (yield)


def _needs_builds(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", [])
    if "own_testbed" in fixtures:
        return not what_is_missing()
    callspec = getattr(item, "callspec", None)
    on_kubernetes = callspec is not None and "kubernetes" in callspec.params.values()
    return ("testbed" in fixtures or on_kubernetes) and is_to_be_built()


def _fail_if_not_built(config: pytest.Config) -> None:
    failure = config.stash.get(_FAILURE, "")
    if failure:
        pytest.fail(f"the testbed could not be built: {failure}", pytrace=False)

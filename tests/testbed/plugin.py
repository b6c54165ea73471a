"""The pytest fixtures that give tests a Kubernetes."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from rings import shares_the_testbed

from testbed.built import BuiltTestbed
from testbed.lifecycle import prepare, temporary, what_is_missing
from testbed.sharing import TestbedOwner, described, wait_for_answer, want
from testbed.testbed import Testbed

_RUN_FOLDER = "DCLUSTER_TEST_RUN_FOLDER"  # in the environment of all processes of a run
_OWNER = pytest.StashKey[TestbedOwner]()
_BUILD_FAILURE = pytest.StashKey[str]()  # why building failed; empty when it did not


@pytest.fixture(scope="session")
def testbed() -> Testbed:
    """One Kubernetes for the whole run: the one that ``make testbed-up`` left, or one that ends with the tests."""
    answer = wait_for_answer(_run_folder())
    if "unavailable" in answer:
        pytest.skip(answer["unavailable"])
    if "failed" in answer:
        pytest.fail(f"the testbed did not start: {answer['failed']}", pytrace=False)
    return described(answer)


@pytest.fixture(scope="session")
def own_testbed(pytestconfig: pytest.Config) -> Iterator[BuiltTestbed]:
    """A testbed that no other run uses, for tests that end its components."""
    missing = what_is_missing()
    if missing:
        pytest.skip(f"no Kubernetes: none can be built here: {missing}")
    failure = pytestconfig.stash.get(_BUILD_FAILURE, "")
    if failure:
        pytest.fail(f"the testbed could not be built: {failure}", pytrace=False)
    with temporary(print) as run:
        yield BuiltTestbed(run)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    folder = Path(tempfile.mkdtemp(prefix="dcluster-test-run-"))
    os.environ[_RUN_FOLDER] = str(folder)
    config.stash[_OWNER] = TestbedOwner(
        folder, lambda message: print(message, file=sys.__stderr__, flush=True)
    )
    config.stash[_OWNER].start()


def pytest_unconfigure(config: pytest.Config) -> None:
    if _OWNER in config.stash:
        config.stash[_OWNER].stop()
        shutil.rmtree(_run_folder())


def pytest_collection_finish(session: pytest.Session) -> None:
    """Have it started while tests run that need none."""
    if not session.config.option.collectonly and any(map(shares_the_testbed, session.items)):
        want(_run_folder())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Build before the first test that needs it, outside of that test's time limit."""
    if shares_the_testbed(item):
        wait_for_answer(_run_folder())
    elif "own_testbed" in getattr(item, "fixturenames", []) and not what_is_missing():
        _build(item.config)
    return (yield)


def _build(config: pytest.Config) -> None:
    if _BUILD_FAILURE in config.stash:
        return
    config.stash[_BUILD_FAILURE] = ""
    try:
        prepare(lambda message: print(message, file=sys.__stderr__, flush=True))
    except (RuntimeError, OSError) as error:
        config.stash[_BUILD_FAILURE] = str(error)


def _run_folder() -> Path:
    return Path(os.environ[_RUN_FOLDER])

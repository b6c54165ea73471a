"""A run of tests can be interrupted, says in one line what it lacks, and spreads tests by what they share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hanging import HANG_SECONDS, wait_until
from resuming import fingerprint, without_group
from rings import Needs, shares_the_testbed, turn

TESTS = Path(__file__).parent
THREE = """
import pathlib, pytest

def test_passes():
    with pathlib.Path("ran").open("a") as file:
        file.write("passes ")

def test_fails_at_first():
    assert pathlib.Path("mended").exists()

@pytest.mark.parametrize("value", ["a", "b@c"])
def test_lacks_something(value):
    pytest.skip("no such component: not installed: thing")
"""

# Its end takes longer than the five seconds that pytest-xdist leaves an interrupted process.
SLOW_END = """
import pathlib, time, pytest

@pytest.fixture(scope="session")
def something():
    pathlib.Path("begun").touch()
    yield
    time.sleep(7)  # more than those five
    pathlib.Path("ended").touch()

def test_waits(something):
    time.sleep(600)  # until the interrupt
"""
# However this run was started: a shell's background jobs ignore interrupts, and so does what they start.
PYTEST = """
import signal, sys, pytest
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.fixture
def checkout(tmp_path):
    """A checkout of a project with three tests, whose plugins are this project's."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_three.py").write_text(THREE)
    for name in ("resuming", "skips", "interrupting"):
        (tmp_path / "tests" / f"{name}.py").write_text((TESTS / f"{name}.py").read_text())
    (tmp_path / ".gitignore").write_text(".test-all\nran\nmended\n__pycache__\n.pytest_cache\n")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    return tmp_path


def run(checkout, *options, **environment):
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("CI", "DCLUSTER", "PYTEST"))
    }
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "resuming",
            "-p",
            "skips",
            "-p",
            "no:randomly",
            "tests",
            *options,
        ],
        cwd=checkout,
        env=inherited
        | {
            "PYTHONPATH": str(checkout / "tests"),
            "DCLUSTER_TEST_ALL": "true",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        | environment,
        capture_output=True,
        text=True,
        check=False,
    ).stdout


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["the run", "each process, as by Ctrl-C"])
def test_an_interrupted_run_ends_what_it_has_started(checkout, send):
    (checkout / "tests" / "test_three.py").write_text(SLOW_END)
    options = ("-p", "xdist", "--numprocesses=1", "-p", "interrupting", "tests")
    run = subprocess.Popen(
        [sys.executable, "-c", PYTEST, *options],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout / "tests"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        start_new_session=True,
    )
    assert wait_until((checkout / "begun").exists)
    send(run.pid, signal.SIGINT)
    assert run.wait(HANG_SECONDS) == pytest.ExitCode.INTERRUPTED
    assert (checkout / "ended").exists()


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "--numprocesses=2", "--dist=loadgroup")])
def test_what_has_passed_in_the_same_tree_is_left_out(checkout, options):
    assert "1 failed, 1 passed, 2 skipped" in run(checkout, *options)
    (checkout / "mended").touch()
    second = run(checkout, *options)
    assert "1 passed, 2 skipped" in second
    assert "1 more tests passed in earlier runs" in second
    assert (checkout / "ran").read_text() == "passes "

    (checkout / "tests" / "new_file.py").touch()
    assert "2 passed, 2 skipped" in run(checkout, *options)


def test_what_is_missing_is_one_line(checkout):
    printed = run(checkout)
    assert "    2 tests  no such component: not installed: thing" in printed
    assert printed.count("no such component") == 1


def test_what_is_missing_fails_in_continuous_integration(checkout):
    assert "3 failed, 1 passed" in run(checkout, CI="true")


def test_a_tree_is_known_by_all_that_git_does_not_ignore(checkout):
    before = fingerprint(checkout)
    (checkout / "ran").touch()
    assert fingerprint(checkout) == before
    (checkout / "new").touch()
    assert fingerprint(checkout) != before


GROUPED = """
import os, pathlib, pytest

@pytest.mark.parametrize("group", ["a", "b"] * 10)
def test_shares(group):
    with pathlib.Path(f"ran-{group}").open("a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + " ")

def pytest_itemcollected(item):
    item.add_marker(pytest.mark.xdist_group(item.callspec.params["group"]))
"""


def test_a_group_stays_in_one_process(checkout):
    """Which versions of pytest and pytest-xdist together may break."""
    (checkout / "tests" / "test_three.py").write_text(GROUPED)
    (checkout / "tests" / "conftest.py").write_text("from test_three import pytest_itemcollected")
    assert "20 passed" in run(checkout, "-p", "xdist", "--numprocesses=2", "--dist=loadgroup")
    processes = [set((checkout / f"ran-{group}").read_text().split()) for group in "ab"]
    assert [len(each) for each in processes] == [1, 1]


@pytest.mark.parametrize(
    ("needs", "group"),
    [
        (Needs.AIRFLOW, "airflow"),
        (Needs.AIRFLOW_ON_KUBERNETES, "airflow"),
        (Needs.OTHER_AIRFLOWS, "other_airflows"),
        (Needs.ENGINES, ""),
    ],
)
def test_who_shares_something_slow_to_start_has_one_group(needs, group):
    assert needs.group == group


@pytest.mark.parametrize(
    ("folder", "fixtures", "parameters", "shares"),
    [
        ("live", ["testbed"], {}, True),
        ("live", [], {"live_airflow": "kubernetes"}, True),
        ("live", [], {"live_airflow": "local"}, False),
        ("hooks", [], {"conn_type": "kubernetes"}, False),  # not a platform
    ],
)
def test_who_needs_the_kubernetes_of_a_run(folder, fixtures, parameters, shares):
    call = SimpleNamespace(params=parameters)
    item = SimpleNamespace(path=TESTS / folder / "test_some.py", fixturenames=fixtures, callspec=call)
    assert shares_the_testbed(item) is shares


@pytest.mark.parametrize("alone", [False, True])
def test_tests_of_an_airflow_do_not_wait_for_a_kubernetes(alone):
    def item(**parameters):
        call, path = SimpleNamespace(params=parameters), TESTS / "live" / "test_some.py"
        return SimpleNamespace(path=path, fixturenames=["live_airflow"], callspec=call)

    local = item(live_airflow="local", platform="local")
    on_kubernetes = item(live_airflow="local", platform="kubernetes")
    assert turn(local, alone) < turn(on_kubernetes, alone)


@pytest.mark.parametrize("nodeid", ["tests/a.py::test_b", "tests/a.py::test_b[x@y]"])
def test_a_group_is_taken_off_a_name(nodeid):
    assert without_group(f"{nodeid}@group") == without_group(nodeid) == nodeid

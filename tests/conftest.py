"""What holds for every test: an Airflow home of its own, live tests last, and no skips in continuous integration."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

# Airflow reads its home when it is first imported, so this stands before any test module.
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="dcluster-tests-"))
atexit.register(shutil.rmtree, AIRFLOW_HOME, ignore_errors=True)
os.environ |= {
    "AIRFLOW_HOME": str(AIRFLOW_HOME),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(AIRFLOW_HOME / "dags"),
}
pytest_plugins = ["postgres", "testbed.plugin"]
IN_CI = os.environ.get("CI") == "true"
LIVE = Path(__file__).parent / "live"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts engines and servers comes after everything that fails fast, the demo at the very end."""
    items.sort(key=lambda item: (item.path.is_relative_to(LIVE), item.path.name == "test_demo.py"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    return _without_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    report = yield
    return _without_skip(report)


def _without_skip(report):
    """In continuous integration a component that is missing is a failure: the run has to install it."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which continuous integration forbids: {report.longrepr[2]}"
    return report

"""What holds for every test: an Airflow home of its own, live tests last, and no skips in continuous integration."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from enum import IntEnum
from pathlib import Path

import pytest

# Airflow reads its home when it is first imported, so this stands before any test module.
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="dcluster-tests-"))
atexit.register(shutil.rmtree, AIRFLOW_HOME, ignore_errors=True)
os.environ |= {
    "AIRFLOW_HOME": str(AIRFLOW_HOME),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(AIRFLOW_HOME / "dags"),
    # The JVMs of this machine's engines live for seconds here, too short for well compiled code to pay.
    "JDK_JAVA_OPTIONS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
}
pytest_plugins = ["postgres", "airflow_databases", "result_tables", "testbed.plugin"]
IS_LONG_RUN = bool(os.environ.get("DCLUSTER_TEST_LONG_ON"))
IN_CI = os.environ.get("CI") == "true"
LIVE = Path(__file__).parent / "live"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What fails fast comes first; what starts most comes last, for it runs beside everything behind it."""
    if not IS_LONG_RUN:
        left_out = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("long")]
    items.sort(key=_what_it_starts)
    for item in items:
        if _what_it_starts(item) >= Starts.KUBERNETES:
            item.add_marker("kubernetes")


class Starts(IntEnum):
    """What a test starts, which others use too."""

    NOTHING = 0
    ENGINES = 1  # or a server, of its own
    AIRFLOW = 2
    KUBERNETES = 3
    AIRFLOW_ON_KUBERNETES = 4


def _what_it_starts(item: pytest.Item) -> Starts:
    fixtures = getattr(item, "fixturenames", [])
    values = getattr(item, "callspec", None)
    if not item.path.is_relative_to(LIVE):
        return Starts.NOTHING
    if values is not None and "kubernetes" in values.params.values():
        return Starts.AIRFLOW_ON_KUBERNETES
    if "live_airflow" in fixtures:
        return Starts.AIRFLOW
    return Starts.KUBERNETES if "testbed" in fixtures or "own_testbed" in fixtures else Starts.ENGINES


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

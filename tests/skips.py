"""What could not run on this machine: a line for each reason at the end, and a failure in continuous integration."""

from __future__ import annotations

import os
from collections import Counter

import pytest

_IN_CI = os.environ.get("CI") == "true"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return _without_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return _without_skip((yield))


def _without_skip(report):
    """In continuous integration a component that is missing is a failure: the run has to install it."""
    if _IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which continuous integration forbids: {report.longrepr[2]}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        terminalreporter.write_sep("-", "not run on this machine")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:>5} test{'s' if count > 1 else ' '}  {reason}")

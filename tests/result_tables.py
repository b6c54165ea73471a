"""What tests found, printed as tables at the end of the run, whichever process ran them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

_SENT_AS = "tables"  # in what a worker of pytest-xdist leaves to the process that prints


@dataclass
class Tables:
    """The lines of each table by its title."""

    lines: dict[str, list[str]] = field(default_factory=dict)

    def add(self, title: str, *lines: str) -> None:
        """Append lines to a table, which need not be there."""
        self.lines.setdefault(title, []).extend(lines)


_TABLES = pytest.StashKey[Tables]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TABLES] = Tables()


@pytest.fixture(scope="session")
def tables(pytestconfig: pytest.Config) -> Tables:
    """Where a test puts what people shall read of its findings."""
    return pytestconfig.stash[_TABLES]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_SENT_AS] = session.config.stash[_TABLES].lines


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over the tables of a worker that has ended; one that crashed left none."""
    for title, lines in getattr(node, "workeroutput", {}).get(_SENT_AS, {}).items():
        node.config.stash[_TABLES].add(title, *lines)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for title, lines in config.stash[_TABLES].lines.items():
        terminalreporter.write_sep("-", title)
        for line in lines:
            terminalreporter.write_line(line)

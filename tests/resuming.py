"""``make test-all`` can be interrupted: its next run leaves out what has passed in this very tree."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_FOLDER = _ROOT / ".test-all"
_SNAPSHOT = "DCLUSTER_TEST_PASSED_BEFORE"  # in the environment of all processes of a run
_IS_RESUMABLE = os.environ.get("DCLUSTER_TEST_ALL") == "true"


def pytest_configure(config: pytest.Config) -> None:
    if _IS_RESUMABLE and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_PassedTests(_FOLDER, fingerprint(_ROOT)), "passed-tests")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _SNAPSHOT not in os.environ:
        return
    passed = set(Path(os.environ[_SNAPSHOT]).read_text().splitlines())
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in passed])
    items[:] = [item for item in items if item.nodeid not in passed]


class _PassedTests:
    """What has passed in the tree with a fingerprint, one test a line, written as it passes."""

    def __init__(self, folder: Path, tree: str) -> None:
        self._file = folder / f"passed-{tree}"
        snapshot = folder / "passed-before"  # every process of this run leaves out the same
        if not self._file.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            self._file.touch()
        shutil.copy(self._file, snapshot)
        self._before = len(snapshot.read_text().splitlines())
        self._failed: set[str] = set()
        os.environ[_SNAPSHOT] = str(snapshot)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self._failed.add(report.nodeid)
        elif report.when == "teardown" and report.nodeid not in self._failed:
            with self._file.open("a") as file:
                file.write(without_group(report.nodeid) + "\n")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._before:
            terminalreporter.write_line(
                f"{self._before} more tests passed in earlier runs of this tree and were left out; "
                "make test-all FRESH=1 runs them again"
            )


def without_group(nodeid: str) -> str:
    """A test's name without what pytest-xdist appends to it."""
    return nodeid.rsplit("@", 1)[0] if "@" in nodeid.rsplit("]", 1)[-1] else nodeid


def fingerprint(repository: Path) -> str:
    """A hash of everything in a checkout that git does not ignore, committed or not."""
    git = ["git", "-C", str(repository)]
    names = subprocess.check_output([*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
    digest = hashlib.sha256()
    for name in sorted(set(names.split(b"\0")) - {b""}):
        path = repository / os.fsdecode(name)
        digest.update(name + b"\0")
        if path.is_file() and not path.is_symlink():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]

"""Installs packages into a new virtual environment, telling of progress."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from dcluster_provider.core.cause_patterns import CausePattern, resolve_cause
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.sizing import MIB
from dcluster_provider.engines.log_patterns import LogCode
from dcluster_provider.platforms.base import Report
from dcluster_provider.platforms.local.codes import LocalCode
from dcluster_provider.platforms.local.installation.environment import clean_environment

_REPORT_EVERY = 3.0  # seconds
_LAST_LINES = 12


def install(title: str, python: Path, requirements: list[str], folder: Path, report: Report) -> None:
    """Make a virtual environment with packages from PyPI, by uv when it can be found, else by pip.

    :param title: what is installed, for messages.
    :param python: the Python that the environment is for.
    :param folder: the environment; does not exist yet.
    :param report: told of progress every few seconds.
    :raises PlatformRefused: with the installer's last lines.
    """
    begun = time.monotonic()
    folder.parent.mkdir(parents=True, exist_ok=True)
    report(f"Installing {title} ({', '.join(requirements)}) into {folder.parent}")
    for command in _commands(python, requirements, folder):
        _run(title, command, folder, report, begun)
    report(f"Installed {title}: {folder_size(folder) // MIB} MiB in {time.monotonic() - begun:.0f} s")


def site_packages(folder: Path) -> Path:
    """Where the packages of a virtual environment are."""
    return next(folder.glob("lib/python3.*/site-packages"))


def find_uv() -> str | None:
    """The program uv, on the path or beside this Python."""
    on_path = shutil.which("uv")
    if on_path or importlib.util.find_spec("uv") is None:
        return on_path
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else None


def folder_size(folder: Path) -> int:
    """The bytes of all files below a folder."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # it may move while it is looked at
                total += (Path(parent) / name).lstat().st_size
    return total


def _commands(python: Path, requirements: list[str], folder: Path) -> list[list[str]]:
    uv = find_uv()
    target = str(folder / "bin" / "python")
    if uv is None:
        return [
            [str(python), "-m", "venv", str(folder)],
            [target, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", *requirements],
        ]
    return [
        [uv, "venv", "--python", str(python), "--no-project", str(folder)],
        [uv, "pip", "install", "--python", target, *requirements],
    ]


def _run(title: str, command: list[str], folder: Path, report: Report, begun: float) -> None:
    log = folder.with_name(f"{folder.name}.log")
    temporary = folder.with_name(f"{folder.name}.tmp")
    temporary.mkdir(exist_ok=True)
    try:
        with log.open("wb") as out:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=clean_environment(()) | {"TMPDIR": str(temporary)},
                start_new_session=True,
            )
            try:
                _follow(child, title, folder, report, begun)
            finally:
                if child.poll() is None:  # an exception in report, or the task was told to end
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
        if child.returncode:
            raise PlatformRefused(f"installing {title}", _failed(title, command, log, child.returncode))
    except FileNotFoundError as error:
        raise PlatformRefused(f"installing {title}", _not_executed(title, error)) from error
    finally:
        log.unlink(missing_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)


def _follow(child: subprocess.Popen[bytes], title: str, folder: Path, report: Report, begun: float) -> None:
    while True:
        with suppress(subprocess.TimeoutExpired):
            child.wait(_REPORT_EVERY)
            return
        done = max(folder_size(folder), _written(child.pid))
        report(f"Installing {title}: {done // MIB} MiB written after {time.monotonic() - begun:.0f} s")


def _written(pid: int) -> int:
    """Bytes that a process and its living children have written so far; 0 where the system does not tell."""
    total = 0
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return 0
    for process in family:
        try:
            total += process.io_counters().write_chars
        except (psutil.Error, AttributeError):
            continue
    return total


def _failed(title: str, command: list[str], log: Path, code: int) -> Diagnosis:
    lines = [line.rstrip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    evidence = (f"{' '.join(command)} ended with exit code {code}", *lines[-_LAST_LINES:])
    return resolve_cause(_PATTERNS, "\n".join(lines), title=title).diagnosis(evidence)


# Searched in what pip or uv printed.
_PATTERNS = (
    CausePattern(
        LogCode.DISK_FULL,
        r"(?i)no space left",
        "{title} could not be installed because the disk is full.",
        "Free space, or set engines_folder to a folder with at least 2 GiB, then run the task again.",
    ),
    CausePattern(
        LocalCode.PACKAGE_INDEX_UNREACHABLE,
        r"(?i)connection refused|failed to establish a new connection|connecterror|error sending request|"
        r"failed to fetch|name resolution|dns error|network is unreachable|timed out|no address associated|"
        r"\(from versions: none\)",  # an index that was reached has some
        "{title} could not be installed because the package index cannot be reached.",
        "Give this machine access to PyPI or set PIP_INDEX_URL (for uv UV_INDEX_URL) to a mirror; "
        "or copy the engines folder from a machine that has it, then run the task again.",
    ),
    CausePattern(
        LocalCode.ENGINE_INSTALL_FAILED,
        r"",
        "{title} could not be installed.",
        "Read the installer's lines; when the version does not exist, set one that does.",
    ),
)


def _not_executed(title: str, error: FileNotFoundError) -> Diagnosis:
    return Diagnosis(
        LocalCode.INSTALLER_MISSING,
        f"{title} could not be installed because {error.filename} cannot be executed.",
        "Install uv or a Python with the venv module, then run the task again.",
    )

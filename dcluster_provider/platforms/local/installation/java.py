"""A Java that an engine runs on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dcluster_provider.engines.base import EngineRelease

_TIMEOUT = 30


@dataclass(frozen=True)
class Java:
    """A Java that was found.

    :param program: the ``java`` file.
    :param version: its feature version, 17 for instance.
    """

    program: Path
    version: int

    def __str__(self) -> str:
        return f"Java {self.version} ({self.program})"


def find_java(java_home: str | None, release: EngineRelease) -> tuple[Java | None, list[str]]:
    """The first Java that a release runs on: of the settings, of ``JAVA_HOME``, of the path.

    :param java_home: of the settings; when given, nothing else is looked at.
    :returns: it, or none; and what was looked at in vain, in words.
    """
    rejected, (oldest, newest) = [], release.javas
    for source, program in _candidates(java_home):
        java = inspect(program)
        if java is None:
            rejected.append(f"{source}: {program} cannot be executed")
        elif not oldest <= java.version <= newest:
            rejected.append(f"{source}: {java} is not {oldest} to {newest}")
        elif missing := [name for name in release.java_modules if name not in _modules(java)]:
            rejected.append(f"{source}: {java} lacks the module {', '.join(missing)}")
        else:
            return java, rejected
    return None, rejected


def inspect(program: Path) -> Java | None:
    """What a ``java`` file is; none when it does not run."""
    found = re.search(r'version "(?:1\.)?(\d+)', _said(program, "-version"))
    return Java(program, int(found[1])) if found else None


def _modules(java: Java) -> set[str]:
    return {line.partition("@")[0].strip() for line in _said(java.program, "--list-modules").splitlines()}


def _said(program: Path, option: str) -> str:
    """What a program prints; nothing when it does not run."""
    try:
        return _run(program, program.stat().st_mtime_ns, option)
    except OSError:
        return ""


@lru_cache(maxsize=32)
def _run(program: Path, _modified: int, option: str) -> str:
    try:
        return subprocess.run(
            [program, option],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
            check=False,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _candidates(java_home: str | None) -> Iterator[tuple[str, Path]]:
    if java_home:
        yield "the setting java_home", Path(java_home) / "bin" / "java"
        return
    if os.environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(os.environ["JAVA_HOME"]) / "bin" / "java"
    on_path = shutil.which("java")
    if on_path:
        yield "PATH", Path(on_path)

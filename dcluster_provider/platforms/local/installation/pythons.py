"""A Python that an engine can be installed for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

Range = tuple[tuple[int, int], tuple[int, int]]
_TIMEOUT = 30


def find_python(pythons: Range, chosen: str | None) -> tuple[Path | None, list[str]]:
    """The first fitting Python: of the settings, this one, or one on the path, the newest first.

    :param pythons: the oldest and the newest that fit.
    :param chosen: of the settings; when given, nothing else is looked at.
    :returns: it, or none; and what was looked at in vain, in words.
    """
    if chosen:
        version = python_version(chosen)
        if version is None:
            return None, [f"the setting python: {chosen} cannot be executed"]
        if not _fits(pythons, version):
            return None, [f"the setting python: {chosen} is Python {_dotted(version)}"]
        return Path(chosen), []
    if _fits(pythons, sys.version_info[:2]):
        return Path(sys.executable), []
    rejected = [f"{sys.executable} is Python {_dotted(sys.version_info[:2])}"]
    for name in candidates(pythons):
        program = shutil.which(name)
        if program is None:
            rejected.append(f"{name} is not on the path")
        elif python_version(program) is None:
            rejected.append(f"{program} cannot be executed")
        else:
            return Path(program), rejected
    return None, rejected


def candidates(pythons: Range) -> list[str]:
    """The names of fitting Pythons, the newest first."""
    (_, oldest), (_, newest) = pythons
    return [f"python3.{minor}" for minor in range(newest, oldest - 1, -1)]


@lru_cache(maxsize=16)
def python_version(program: str) -> tuple[int, int] | None:
    """The version of a Python; none when it does not run (a pyenv shim of a version that is not active, say)."""
    question = "import sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [program, "-I", "-S", "-c", question],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
            check=True,
        ).stdout.split()
        return int(answer[0]), int(answer[1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _fits(pythons: Range, version: tuple[int, int]) -> bool:
    oldest, newest = pythons
    return oldest <= version <= newest


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"

"""The cache folder: pieces that take long to build, each named after a hash of what it is built from."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

Report = Callable[[str], None]
_KEEP_SECONDS = 14 * 24 * 3600


def user_cache() -> Path:
    """Where this user keeps what is slow to set up for tests."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "dcluster-provider"


def engines_folder() -> Path:
    """Where engines are installed once for all tests and benchmarks of this user."""
    return user_cache() / "engines"


def cache_folder() -> Path:
    """Where this user's testbeds live: what is built, and what runs."""
    return user_cache() / "testbed"


@dataclass(frozen=True)
class Piece:
    """Something that is built once and then only read.

    :param name: what it is, for people.
    :param key: a hash of everything it is built from.
    :param build: fills an empty folder, which becomes the piece when the call returns.
    :param cost: what building it takes, for people.
    :param home: the folder that it is kept in.
    """

    name: str
    key: str
    build: Callable[[Path, Report], None]
    cost: str
    home: Callable[[], Path] = cache_folder

    @property
    def folder(self) -> Path:
        """Where it is once it is complete; a half-built one never has this name."""
        return self.home() / f"{self.name}-{self.key}"

    def ensure(self, report: Report) -> Path:
        """The folder of the complete piece, built if it is not there. Two callers at once build it once."""
        folder = self.folder  # once: a test in another thread may name another cache meanwhile
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with locked(folder.with_name(f"{self.name}.lock")):
                if not folder.is_dir():
                    self._build(folder, report)
        os.utime(folder)  # it is in use, says its age
        return folder

    def _build(self, folder: Path, report: Report) -> None:
        unfinished = folder.with_name(f"{self.name}.unfinished")
        remove(unfinished)
        unfinished.mkdir()
        report(f"Building {self.name}: {self.cost}")
        self.build(unfinished, report)
        unfinished.rename(folder)


def key_of(parts: Iterable[str | bytes | Path]) -> str:
    """A hash of texts and of files' contents, the same on every machine."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part
        content = content.encode() if isinstance(content, str) else content
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()[:16]


def remove_outdated(pieces: Iterable[Piece], in_use: Iterable[Path]) -> list[Path]:
    """Remove builds of these pieces that nobody has used for two weeks, finished or not.

    Younger ones stay: other checkouts have recipes of their own.

    :param in_use: what a running testbed uses, however old.
    :returns: the folders that are gone.
    """
    oldest = time.time() - _KEEP_SECONDS
    builds = [
        folder
        for piece in pieces
        for pattern in (f"{piece.name}-*", f"{piece.name}.unfinished")
        for folder in piece.home().glob(pattern)
    ]
    outdated = [folder for folder in builds if folder.stat().st_mtime < oldest and folder not in set(in_use)]
    for folder in outdated:
        remove(folder)
    return outdated


def remove(folder: Path) -> None:
    """Remove a folder, whatever the permissions in it; one that is not there is fine."""
    if not folder.exists():
        return
    for path, folders, _ in os.walk(folder):
        for name in folders:
            inner = os.path.join(path, name)  # noqa: PTH118 - of the tens of thousands of paths here, few need more
            if not os.path.islink(inner) and not os.access(inner, os.W_OK | os.X_OK):  # noqa: PTH114
                os.chmod(inner, 0o700)  # noqa: PTH101 - Go's module cache is read-only
    shutil.rmtree(folder)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a lock that the kernel takes away from a process that dies."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

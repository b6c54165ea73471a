"""Files that are whole or not there, locks that die with their holder, and logs that are being written."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dcluster_provider.platforms.base import LogPart

_TAIL = 65536  # bytes of a log that are read at once


def write_text(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file so that a reader sees all of it or the one before.

    :raises OSError: it cannot be written (a full disk, say); the file before is untouched.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """:func:`write_text` of a value as JSON."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def read_json(path: Path) -> Any:
    """The value of a JSON file; none when there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None


def mark(path: Path) -> None:
    """Create an empty file, and its folder, unless it is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock of a file.

    Those who ask do not see each other, but for a moment they keep others from taking the lock.
    """
    try:
        descriptor = os.open(path, os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, created when missing; wait for whoever has it.

    The lock ends with the process. A lock file that was removed while it was waited for is opened anew.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _lock(path, blocking=True)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Hold the lock of a file if nobody else does.

    :returns: whether it is held.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = _lock(path, blocking=False)
    except BlockingIOError:
        yield False
        return
    try:
        yield True
    finally:
        os.close(descriptor)


def _lock(path: Path, blocking: bool) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if blocking else fcntl.LOCK_NB))
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def last_lines(path: Path, size: int = _TAIL) -> list[str]:
    """The last whole lines of a log, or the end of its last line when that is longer; nothing when there is none.

    :param size: bytes to read.
    """
    try:
        with path.open("rb") as file:
            length = file.seek(0, 2)
            file.seek(max(0, length - size))
            lines = file.read(size).decode(errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    return lines[1:] if length > size and len(lines) > 1 else lines


def first_text(path: Path, size: int = _TAIL) -> str:
    """The beginning of a file; empty when there is none."""
    try:
        with path.open("rb") as file:
            return file.read(size).decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def contains(path: Path, text: str) -> bool:
    """Whether a log has a text in it."""
    sought = text.encode()
    kept = b""
    try:
        with path.open("rb") as file:
            while part := file.read(_TAIL):
                if sought in kept + part:
                    return True
                kept = (kept + part)[-len(sought) :]  # what the next piece may go on with
    except (FileNotFoundError, NotADirectoryError):
        pass
    return False


def read_part(path: Path, start: int, most: int, is_ended: bool) -> LogPart:
    """A piece of a log from a byte offset on.

    :param most: bytes; a longer line is split all the same, as it could never be read otherwise.
    :param is_ended: nothing more is written, so an unfinished line is all there will be.
    """
    try:
        with path.open("rb") as file:
            file.seek(start)
            part = file.read(most)
    except (FileNotFoundError, NotADirectoryError):
        return LogPart("", start)
    is_last = len(part) < most
    whole = part.rfind(b"\n") + 1
    if is_last and is_ended:
        whole = len(part)
    elif whole == 0 and not is_last:
        whole = _without_split_character(part)
    part = part[:whole]
    return LogPart(part.decode(errors="replace"), start + len(part), is_cut=not is_last)


def _without_split_character(part: bytes) -> int:
    """The length of a piece of text, without a UTF-8 character that its end cuts in two."""
    end = len(part)
    for back in range(1, min(4, end) + 1):
        byte = part[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return end - back if length > back and end > back else end
        if byte < 0x80:
            return end
    return end

"""Reading logs that are being written."""

from __future__ import annotations

from pathlib import Path

from dcluster_provider.platforms.base import LogPart

_TAIL = 65536  # bytes


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

"""A log whose lines begin with their times, read in pieces whatever its lines are like.

A position is the time of the last line that is known, in nanoseconds since 1970, or lies within a line: a line that is
longer than what is read at once is passed on in pieces. Kubernetes reads on from a second, so such a position counts
the bytes from the first line of a second on; it is negative, and fits into 64 bits as the others do.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import datetime, timezone

from dcluster_provider.platforms.base import LogPart

NANOSECONDS = 10**9
_BITS = 32  # of a count of bytes within a second and the line that began in it: 4 GiB
_STAMP = 64  # bytes in which a line's time ends
_GONE = "[The rest of a line is missing: the node has thrown it away]\n"


def second_of(position: int) -> int:
    """The second since 1970 from which a log has to be asked for to read on; 0 for its beginning."""
    return position // NANOSECONDS if position >= 0 else -position >> _BITS


def nanoseconds(stamp: str) -> int | None:
    """The nanoseconds since 1970 of a time such as ``2026-01-31T10:00:00.123456789Z``."""
    whole, _, fraction = stamp.removesuffix("Z").partition(".")
    try:
        seconds = datetime.fromisoformat(whole).replace(tzinfo=timezone.utc).timestamp()
        return int(seconds) * NANOSECONDS + int(fraction.ljust(9, "0")[:9] or 0)
    except ValueError:
        return None


class StampedLog:
    """A log, read once from a position on in linear time and bounded memory.

    :param blocks: its bytes, from the second of the position on or from before it.
    """

    def __init__(self, blocks: Iterator[bytes], position: int) -> None:
        self._blocks = blocks
        self._buffer = bytearray()
        self._second = second_of(position)
        self._known = max(position, 0)
        self._skipped = 0 if position >= 0 else -position & (1 << _BITS) - 1
        self._counted = 0  # bytes since the first line of the second
        self._at: int | None = None  # time of the current line
        self._is_in_line = self._is_known = self._is_before = False
        self.position = position
        self.is_over = False  # nothing more comes of it
        self.taken = 0  # bytes that were read or passed over
        self.first_at = 0  # time of the first line that there was

    def read(self, most: int) -> LogPart:
        """The next piece: whole lines, or a part of one that is longer, or of the last one, which has no end yet.

        :param most: bytes, about.
        """
        texts: list[bytes] = []
        size, is_cut = 0, False
        while not is_cut and (fragment := self._next(most)):
            if size and (size + len(fragment) > most or not fragment.endswith(b"\n")):
                self._buffer[:0] = fragment
                self.taken -= len(fragment)
                is_cut = True
                break
            content = self._unknown_of(fragment)
            if content is None:
                continue
            texts.append(content)
            size += len(content)
            assert self._at is not None
            self.position = -(self._second << _BITS | self._counted) if self._is_in_line else self._at
            is_cut = size >= most or self._is_in_line
        if not texts and self._counted < self._skipped:
            # The line is not there any more: what follows its second is read.
            self.position, self._skipped = (self._second + 1) * NANOSECONDS - 1, 0
            return LogPart(_GONE, self.position, is_cut=True)
        return LogPart(b"".join(texts).decode(errors="replace"), self.position, is_cut)

    def resumed(self, blocks: Iterator[bytes]) -> StampedLog:
        """The same log read on by other means: from what was not taken of it yet."""
        other = copy.copy(self)
        other._blocks, other._buffer = blocks, bytearray()  # noqa: SLF001 - of its own kind
        return other

    def _unknown_of(self, fragment: bytes) -> bytes | None:
        """What of a fragment was not read before; none when all of it was."""
        begins, start = not self._is_in_line, self._counted
        self._is_in_line = not fragment.endswith(b"\n")
        content = fragment
        if begins:
            stamp, _, content = fragment.partition(b" ")
            self._at = nanoseconds(stamp.decode(errors="replace"))
            self.first_at = self.first_at or self._at or 0
            before = self._at is not None and self._at < self._second * NANOSECONDS
            self._is_known = self._at is None or before or self._at <= self._known
            self._is_before = before
        if not self._is_before and (self._counted or self._at is not None):
            self._counted += len(fragment)
        if self._is_known or self._counted <= self._skipped:
            return None
        return fragment[self._skipped - start :] if start < self._skipped else content

    def _next(self, most: int) -> bytes:
        """What comes next of a line, at most so many bytes; empty at the end."""
        end = self._buffer.find(b"\n") + 1
        while not end and len(self._buffer) < most:
            block = next(self._blocks, b"")
            if not block:
                self.is_over = True
                break
            searched = len(self._buffer)
            self._buffer += block
            end = self._buffer.find(b"\n", searched) + 1
        if not end or end > most:
            end = _whole_characters(self._buffer[:most])
        fragment = bytes(self._buffer[:end])
        self.taken += end
        del self._buffer[:end]
        return fragment


def _whole_characters(piece: bytearray) -> int:
    """The length of a piece of UTF-8 without a character that its end cuts in two."""
    text = bytes(piece).decode(errors="ignore")
    missing = len(piece) - len(text.encode())
    return len(piece) - missing if 0 < missing < 4 and len(piece) > missing else len(piece)

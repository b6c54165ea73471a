"""The channel by which what triggers log reaches the triggerer, and whether it has all been read.

Triggers run in a process of their own, which writes its log lines to a socket. The triggerer closes a trigger's log
file as soon as it hears, by another socket, that the trigger has ended, and drops the lines that it reads after that.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import struct
import sys
import termios
import time
from weakref import WeakKeyDictionary

_POLL_SECONDS = 0.05
_READ_SECONDS = 1.0  # in which the triggerer has probably read what cannot be observed
_GIVE_UP_SECONDS = 300.0
# As the system counts, a short line takes 768 bytes and a socket 208 KiB; a batch of 100 lines fits above this.
_ROOM = 64 * 1024
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


def turn() -> asyncio.Lock:
    """The lock of the one wait of this event loop that logs many lines, or waits until they are read."""
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())


async def wait_until_read() -> None:
    """Wait until the triggerer has read every line logged so far, however busy it is; for five minutes at most.

    Where that cannot be observed, wait for a second.
    """
    if _unread_bytes() is None:
        await asyncio.sleep(_READ_SECONDS)
        return
    async with turn():
        await _wait_until_at_most(0)


async def wait_for_room() -> None:
    """Wait until another hundred lines can be logged: a full socket would block the event loop."""
    await _wait_until_at_most(_ROOM)


async def _wait_until_at_most(size: int) -> None:
    give_up_at = time.monotonic() + _GIVE_UP_SECONDS
    while (_unread_bytes() or 0) > size and time.monotonic() < give_up_at:  # noqa: ASYNC110  # the system tells nobody
        await asyncio.sleep(_POLL_SECONDS)


def _unread_bytes() -> int | None:
    """What the system keeps of log lines until they are read; none where they do not go to a socket of Linux."""
    if sys.platform != "linux":
        return None
    for handler in logging.getLogger().handlers:
        try:
            channel = handler.stream.fileno()  # type: ignore[attr-defined]
            (size,) = struct.unpack("i", fcntl.ioctl(channel, termios.TIOCOUTQ, bytes(struct.calcsize("i"))))
        except (AttributeError, OSError, ValueError):
            continue
        return int(size)
    return None

"""The channel by which what triggers log reaches the triggerer, and whether it has all been read.

Triggers run in a process of their own, which writes its log lines to a socket. The triggerer closes a trigger's log
file as soon as it hears, by another socket, that the trigger has ended, and drops the lines that it reads after that.
"""

from __future__ import annotations

import asyncio
import fcntl
import struct
import sys
import termios
import time

_PAUSE_SECONDS = 0.05
_READ_SECONDS = 1.0  # in which the triggerer has probably read what cannot be observed
_GIVE_UP_SECONDS = 300.0


async def wait_until_read() -> None:
    """Wait until the triggerer has read every line logged so far, however busy it is; for five minutes at most.

    Where that cannot be observed, wait for a second.
    """
    give_up_at = time.monotonic() + _GIVE_UP_SECONDS
    unread = _unread_bytes()
    if unread is None:
        await asyncio.sleep(_READ_SECONDS)
    while unread and time.monotonic() < give_up_at:
        await asyncio.sleep(_PAUSE_SECONDS)
        unread = _unread_bytes()


def _unread_bytes() -> int | None:
    """What the system keeps of log lines until they are read; none where they do not go to a socket of Linux."""
    import structlog

    if sys.platform != "linux":
        return None
    try:
        channel = structlog.get_config()["logger_factory"].io.fileno()
        (size,) = struct.unpack("i", fcntl.ioctl(channel, termios.TIOCOUTQ, bytes(struct.calcsize("i"))))
    except (AttributeError, KeyError, OSError, ValueError):
        return None
    return int(size)

"""When something that has to happen counts as hanging: no test asserts how long anything takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from demo import standalone

HANG_SECONDS = 1800
ANSWER_SECONDS = 600  # one answer of a server, a page or a command
LIVE_TEST_SECONDS = 3600  # a whole test of what runs for real


def wait_until(condition: Callable[[], Any], every: float = 0.5) -> bool:
    """Whether something came to hold before it counted as hanging; asked every so many seconds."""
    return standalone.wait_until(lambda: bool(condition()), HANG_SECONDS, every)

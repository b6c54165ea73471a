"""When something that has to happen counts as hanging: no test asserts how long anything takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

HANG_SECONDS = 900
ANSWER_SECONDS = 600  # one answer of a server, a page or a command
LIVE_TEST_SECONDS = 3600  # a whole test of what runs for real


def wait_until(condition: Callable[[], Any], every: float = 0.5, seconds: float = HANG_SECONDS) -> bool:
    """Whether something came to hold before it counted as hanging.

    :param every: seconds between two looks.
    :param seconds: for what consists of many things.
    """
    from demo import standalone  # not on the path of the testbed's own processes

    return standalone.wait_until(lambda: bool(condition()), seconds, every)

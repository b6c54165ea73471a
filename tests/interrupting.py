"""An interrupted run in several processes ends what its tests started, before it ends itself.

Left alone, a process that runs tests has five seconds for that; an Airflow or a cluster's namespace takes longer.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

END_SECONDS = 300
_PROCESSES: list[WorkerController] = []


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """End the tests of this process; further interrupts, by whomever, leave its clean-up alone."""
    signal.signal(signal.SIGINT, lambda number, frame: None)
    raise KeyboardInterrupt


@pytest.hookimpl(optionalhook=True)
def pytest_testnodeready(node: WorkerController) -> None:
    _PROCESSES.append(node)


def pytest_keyboard_interrupt() -> None:
    """In the process that the others belong to: wait for their clean-up. A second interrupt gives that up."""
    if not _PROCESSES:
        return
    print("\nEnding what the tests have started (again Ctrl-C: leave it)", flush=True)
    for process in _PROCESSES:
        with suppress(ProcessLookupError):  # a terminal's Ctrl-C has reached it by itself
            os.kill(process.gateway._io.popen.pid, signal.SIGINT)  # which nothing public tells
    deadline = time.monotonic() + END_SECONDS
    for process in _PROCESSES:
        with suppress(process.channel.TimeoutError, process.channel.RemoteError):
            process.channel.waitclose(max(0, deadline - time.monotonic()))

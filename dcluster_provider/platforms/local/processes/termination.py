"""Finding and ending every living process that belongs to a process folder."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from dcluster_provider.platforms.local.files import read_json
from dcluster_provider.platforms.local.installation.environment import OWNER
from dcluster_provider.platforms.local.processes.process import Process

_SAME_MOMENT = 2.0  # seconds between the runner's own clock reading and the kernel's record of its creation
_POLL = 0.05
_FORCED_SECONDS = 2.0


def end(processes: Iterable[Process], grace: float) -> bool:
    """End processes and all that they started: asked first, and forced after a while.

    :param grace: seconds from SIGTERM to SIGKILL.
    :returns: whether nothing of them lives any more.
    """
    wanted = list(processes)
    for process in wanted:
        with suppress(OSError):  # a full disk
            process.forbid()
    alive = _living(wanted)
    for each in alive:
        _signal(each, force=False)
    alive = _wait_until_gone(wanted, alive, grace)
    deadline = time.monotonic() + _FORCED_SECONDS
    while alive and time.monotonic() < deadline:
        for each in alive:
            _signal(each, force=True)
        alive = _wait_until_gone(wanted, alive, _POLL * 4)
    return not alive


def census() -> dict[Path, list[psutil.Process]]:
    """Every living process that belongs to a process folder, by folder."""
    found: dict[Path, list[psutil.Process]] = defaultdict(list)
    for process in _own_processes():
        try:
            folder = process.environ().get(OWNER)
            if folder and _lives(process):
                found[Path(folder)].append(process)
        except (psutil.Error, OSError):
            continue
    return dict(found)


def _living(wanted: list[Process]) -> list[psutil.Process]:
    everyone = census()
    alive = {member for process in wanted for member in everyone.get(process.folder, ())}
    for process in wanted:
        alive.update(_session(process))
    return list(alive)


def _session(process: Process) -> Iterator[psutil.Process]:
    """The living processes of the runner's session, while the runner itself proves that it is still that session."""
    started = read_json(process.folder / "started.json")
    if not started:
        return
    try:
        leader = psutil.Process(started["pid"])
        if abs(leader.create_time() - started["at"]) > _SAME_MOMENT:
            return
    except psutil.Error:
        return
    for member in _own_processes():
        try:
            if os.getsid(member.pid) == leader.pid and _lives(member):
                yield member
        except (psutil.Error, OSError):
            continue


def _own_processes() -> Iterator[psutil.Process]:
    for pid in psutil.pids():
        try:
            yield psutil.Process(pid)
        except psutil.Error:
            continue


def _wait_until_gone(
    wanted: list[Process], alive: list[psutil.Process], seconds: float
) -> list[psutil.Process]:
    deadline = time.monotonic() + seconds
    while alive and time.monotonic() < deadline:
        time.sleep(_POLL)
        alive = [process for process in alive if _lives(process)] or _living(
            wanted
        )  # they may have started others
    return alive


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _signal(process: psutil.Process, force: bool) -> None:
    with suppress(psutil.Error):  # gone, or its number belongs to another by now
        process.kill() if force else process.terminate()

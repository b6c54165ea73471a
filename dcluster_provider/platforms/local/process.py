"""A process that outlives whoever started it, and that any other process can observe and end.

Everything about one is in its folder, see :mod:`process_runner`; nothing depends on the process that started it.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import psutil

from dcluster_provider.platforms.local import process_runner
from dcluster_provider.platforms.local.files import is_locked, mark, read_json, write_json

# Every process of a folder, however it came to be, has the folder in its environment under this name: so it is told
# from a stranger that was given the number of one that ended.
_OWNER = "DCLUSTER_PROCESS"
_ACKNOWLEDGE_SECONDS = 15
_SAME_MOMENT = 2.0  # seconds between the runner's own clock reading and the kernel's record of its creation
_POLL = 0.05
_FORCED_SECONDS = 2.0


@dataclass(frozen=True)
class Command:
    """What to run.

    :param env: the whole environment.
    :param log: file that standard output and error are appended to.
    :param wait_for: host, port and seconds: run only when something listens there, or the seconds are over.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    wait_for: tuple[str, int, float] | None = None


class Life(str, Enum):
    """How far a process has come."""

    NEW = "NEW"  # never started
    RUNNING = "RUNNING"
    ENDED = "ENDED"
    LOST = "LOST"  # was started, runs no more, and how it ended is not known


@dataclass(frozen=True)
class ProcessState:
    """A process as its folder shows it.

    :param code: the exit code; minus the number of the signal that killed it.
    :param error: why the command could not be executed.
    :param stopped: its end was asked for.
    :param started_at: seconds since 1970.
    """

    life: Life
    code: int | None = None
    error: str = ""
    stopped: bool = False
    started_at: float | None = None

    @property
    def is_over(self) -> bool:
        """It ran and runs no more."""
        return self.life in (Life.ENDED, Life.LOST)


class StartFailed(Exception):
    """The runner could not start the command; the message is what it said."""


@dataclass(frozen=True)
class Process:
    """The process of a folder."""

    folder: Path

    def start(self, command: Command) -> None:
        """Run the command, detached from this process, unless it was started or stopped before.

        Returns when the start is on record, so that it cannot happen again.

        :raises StartFailed: the start could not be recorded.
        :raises OSError: the folder cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.state().life is not Life.NEW or self.is_stopped():
            return
        command.log.parent.mkdir(parents=True, exist_ok=True)
        write_json(
            self.folder / "command.json",
            {
                "argv": list(command.argv),
                "env": {**command.env, _OWNER: str(self.folder)},
                "cwd": str(command.cwd),
                "log": str(command.log),
                "wait_for": command.wait_for,
            },
        )
        _spawn_runner(self.folder)

    def state(self) -> ProcessState:
        """How far it has come."""
        outcome = read_json(self.folder / "exit.json")
        if outcome is None and is_locked(self.folder / "lock"):
            return ProcessState(Life.RUNNING, stopped=self.is_stopped(), started_at=self._started().get("at"))
        outcome = outcome or read_json(self.folder / "exit.json")  # it may have ended between the two looks
        started = self._started()
        if outcome is not None:
            return ProcessState(
                Life.ENDED,
                outcome["code"],
                outcome.get("error", ""),
                bool(outcome.get("stopped")) or self.is_stopped(),
                started.get("at"),
            )
        life = Life.LOST if started else Life.NEW
        return ProcessState(life, stopped=self.is_stopped(), started_at=started.get("at"))

    def is_stopped(self) -> bool:
        """Whether its end was asked for; it can no longer begin."""
        return (self.folder / "stop").exists()

    def forbid(self) -> None:
        """Keep it from ever beginning, and note that the end of one that runs is asked for."""
        if not self.state().is_over:
            mark(self.folder / "stop")

    def _started(self) -> dict[str, Any]:
        return read_json(self.folder / "started.json") or {}


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
            folder = process.environ().get(_OWNER)
            if folder and _lives(process):
                found[Path(folder)].append(process)
        except (psutil.Error, OSError):
            continue
    return dict(found)


def clean_environment(engine_prefixes: tuple[str, ...]) -> dict[str, str]:
    """This process's environment for an engine: without Airflow's settings and secrets and without another engine's.

    :param engine_prefixes: variables beginning so belong to the engine and are set by whoever starts it.
    """
    foreign = ("AIRFLOW_", "_AIRFLOW", "PYTHON", "VIRTUAL_ENV", "CONDA", _OWNER, *engine_prefixes)
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def _spawn_runner(folder: Path) -> None:
    runner = subprocess.Popen(
        [sys.executable, "-I", "-S", process_runner.__file__, str(folder)],
        env=clean_environment(()) | {_OWNER: str(folder)},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert runner.stdout is not None
    with runner.stdout as pipe:
        said = _read_until_started(pipe.fileno())
    runner.wait()
    if said not in (b"", b"started"):
        raise StartFailed(said.decode(errors="replace").strip())


def _read_until_started(descriptor: int) -> bytes:
    said = b""
    deadline = time.monotonic() + _ACKNOWLEDGE_SECONDS
    while said != b"started" and (left := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select([descriptor], [], [], left)
        part = os.read(descriptor, 65536) if ready else b""
        if not part:
            break
        said += part
    return said


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

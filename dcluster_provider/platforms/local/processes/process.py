"""A process that outlives whoever started it, and that any other process can observe and end.

Everything about one is in its folder, see :mod:`.runner`; nothing depends on the process that started it.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from dcluster_provider.platforms.local.files import is_locked, mark, read_json, write_json
from dcluster_provider.platforms.local.installation.environment import OWNER, clean_environment
from dcluster_provider.platforms.local.processes import runner as process_runner

_ACKNOWLEDGE_SECONDS = 60  # in which a runner puts its start on record, however busy the machine is


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

        :raises StartFailed: the start could not be recorded; it will not begin any more.
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
                "env": {**command.env, OWNER: str(self.folder)},
                "cwd": str(command.cwd),
                "log": str(command.log),
                "wait_for": command.wait_for,
            },
        )
        said = _spawn_runner(self.folder)
        if said == "started":
            return
        if not said and (self.state().life is not Life.NEW or self.is_stopped()):
            return  # somebody else has started or stopped it meanwhile
        self.forbid()
        raise StartFailed(said or f"the runner of {self.folder} has begun nothing and said nothing")

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

    def ended_at(self) -> float | None:
        """When its outcome was recorded, in seconds since 1970; none while there is none."""
        try:
            return (self.folder / "exit.json").stat().st_mtime
        except OSError:
            return None

    def is_stopped(self) -> bool:
        """Whether its end was asked for; it can no longer begin."""
        return (self.folder / "stop").exists()

    def forbid(self) -> None:
        """Keep it from ever beginning, and note that the end of one that runs is asked for."""
        if not self.state().is_over:
            mark(self.folder / "stop")

    def _started(self) -> dict[str, Any]:
        return read_json(self.folder / "started.json") or {}


def _spawn_runner(folder: Path) -> str:
    """Start the runner of a folder.

    :returns: what it said: ``started``, why it has not started the command, or nothing.
    """
    runner = subprocess.Popen(
        [sys.executable, "-I", "-S", process_runner.__file__, str(folder)],
        env=clean_environment(()) | {OWNER: str(folder)},
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
    return said.decode(errors="replace").strip()


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

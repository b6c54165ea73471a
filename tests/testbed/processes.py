"""The components' processes, seen by the first process of their namespace: started, signalled, reaped."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_STOP_SECONDS = 5


@dataclass
class _Process:
    pid: int
    exit_code: int | None = None  # negative: the signal that ended it


class Processes:
    """A table of processes; nothing is ever restarted by itself.

    :param commands: command lines by component.
    :param logs: where each has its log.
    """

    def __init__(self, commands: dict[str, list[str]], logs: Path, environment: dict[str, str]) -> None:
        self._commands = commands
        self._logs = logs
        self._environment = environment
        self._changed = threading.Condition()
        self._table: dict[str, _Process] = {}
        threading.Thread(target=self._reap, daemon=True).start()

    def start(self, component: str) -> None:
        """Start a component that does not run.

        :raises ValueError: there is no such component, or it runs.
        """
        command = self._commands.get(component)
        if command is None:
            raise ValueError(f"no component {component}; there are: {', '.join(self._commands)}")
        log = str(self._logs / f"{component}.log")
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        with self._changed:
            if self._is_running(component):
                raise ValueError(f"{component} runs already")
            pid = os.posix_spawnp(command[0], command, self._environment, file_actions=actions, setsid=True)
            self._table[component] = _Process(pid)

    def signal(self, component: str, number: int) -> None:
        """Send a signal to a running component.

        :raises ValueError: it does not run.
        """
        with self._changed:
            if not self._is_running(component):
                raise ValueError(f"{component} does not run")
            os.kill(self._table[component].pid, number)

    def kill(self, component: str) -> None:
        """End a component at once and wait until it is gone."""
        self.signal(component, signal.SIGKILL)
        self._wait_until_ended(component, _STOP_SECONDS)

    def stop(self, component: str) -> None:
        """Ask a component to end, insist after a while, and wait until it is gone."""
        self.signal(component, signal.SIGCONT)
        self.signal(component, signal.SIGTERM)
        if not self._wait_until_ended(component, _STOP_SECONDS):
            self.kill(component)

    def status(self) -> dict[str, dict[str, Any]]:
        """Every component's process id in this namespace and, if it has ended, its exit code."""
        with self._changed:
            return {
                name: {
                    "pid": process.pid,
                    "running": process.exit_code is None,
                    "exit_code": process.exit_code,
                }
                for name, process in self._table.items()
            }

    def ended(self) -> list[str]:
        """The components that were started and do not run."""
        return [name for name, process in self.status().items() if not process["running"]]

    def last_lines(self, component: str) -> str:
        """The end of a component's log."""
        return "\n".join((self._logs / f"{component}.log").read_text(errors="replace").splitlines()[-10:])

    def _is_running(self, component: str) -> bool:
        return component in self._table and self._table[component].exit_code is None

    def _wait_until_ended(self, component: str, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._is_running(component), seconds)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, 0)  # orphans too: what containers leave ends up here
            except ChildProcessError:
                time.sleep(0.05)
                continue
            with self._changed:
                for process in self._table.values():
                    if process.pid == pid and process.exit_code is None:
                        process.exit_code = os.waitstatus_to_exitcode(status)
                self._changed.notify_all()

"""The folder of one testbed: its files, and whether it lives."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testbed import cgroups, network
from testbed.cache import cache_folder, locked, remove


class RunFolder:
    """Files of a testbed.

    :param path: the folder; its name is the testbed's id.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name
        self.kubeconfig = path / "admin.kubeconfig"
        self.inner_kubeconfig = path / "inner.kubeconfig"  # for what runs in the testbed's own network
        self.certificates = path / "certificates"
        self.configuration = path / "configuration"
        self.logs = path / "logs"
        self.volumes = path / "volumes"
        self.images = path / "images"
        self.control = path / "control.sock"
        self.plan = path / "plan.json"  # what it is to be made of
        self.state = path / "state.json"  # what has become of it
        self._lock = path / "alive"

    @classmethod
    def new(cls) -> tuple[RunFolder, int]:
        """A new folder and the file descriptor that marks it as alive while any process has it open."""
        with locked(_runs_lock()):
            run = cls(_runs() / secrets.token_hex(3))
            for folder in (run.certificates, run.configuration, run.logs, run.volumes, run.images):
                folder.mkdir(parents=True)
            run.volumes.chmod(0o755)
            descriptor = os.open(run._lock, os.O_CREAT | os.O_RDWR)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        return run, descriptor

    @classmethod
    def all(cls) -> list[RunFolder]:
        """Every folder there is, of living and of dead testbeds."""
        return [cls(path) for path in sorted(_runs().iterdir()) if path.is_dir()] if _runs().exists() else []

    def is_alive(self) -> bool:
        """Whether the testbed runs: the kernel knows, however it ended."""
        try:
            descriptor = os.open(self._lock, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def read(self, file: Path) -> dict[str, Any]:
        """A JSON file of the folder; nothing when it is not there."""
        try:
            value: dict[str, Any] = json.loads(file.read_text())
        except FileNotFoundError:
            return {}
        return value

    def write(self, file: Path, value: dict[str, Any]) -> None:
        """Write a JSON file in one go."""
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(value, indent=1))
        unfinished.rename(file)

    def remove(self) -> None:
        """Remove what a dead testbed left: its link to the host, control groups and this folder."""
        network.remove_link(self.id)
        cgroups.remove(self.id)
        remove(self.path)


def remove_dead() -> list[str]:
    """Remove what dead testbeds left.

    :returns: their ids.
    """
    if not _runs().exists():
        return []
    with locked(_runs_lock()):
        dead = [run for run in RunFolder.all() if not run.is_alive()]
        for run in dead:
            run.remove()
    return [run.id for run in dead]


@contextmanager
def starting() -> Iterator[None]:
    """Hold while a testbed is looked for and started, so that two callers get one."""
    _runs().mkdir(parents=True, exist_ok=True)
    with locked(cache_folder() / "starting.lock"):
        yield


def _runs() -> Path:
    return cache_folder() / "runs"


def _runs_lock() -> Path:
    _runs().mkdir(parents=True, exist_ok=True)
    return cache_folder() / "runs.lock"

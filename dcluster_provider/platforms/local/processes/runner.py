"""Runs one command, once, and leaves its outcome on disk. Executed as a program; the standard library is all it has.

    python -I runner.py FOLDER

FOLDER/command.json says what to run. Files that it makes there:
    lock          locked while the runner or the command lives
    started.json  written before the command begins: from then on it never begins again
    exit.json     the outcome, written when the command has ended
    log           what the command printed, unless the command names another file
FOLDER/stop, made by whoever ends the process, keeps a command that has not begun from beginning.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_STOP_GRACE = 10  # seconds from the first SIGTERM to SIGKILL, when nobody else sees to it
_POLL = 0.05  # seconds between looks at an address or a lock that is waited for
_LOCK_SECONDS = 10  # in which another runner has put its start on record


def main(folder: Path) -> None:
    """Run the command of a folder, unless it was run before, runs now or was stopped."""
    if os.fork():
        os._exit(0)  # the caller reaps this one at once, and init reaps the runner
    os.setsid()
    lock = take_lock(folder, _LOCK_SECONDS)
    if lock is None or _may_not_begin(folder):
        return
    command = json.loads((folder / "command.json").read_text(encoding="utf-8"))
    _reserve_outcome(folder)
    _write(folder / "started.json", {"pid": os.getpid(), "at": time.time()})
    _acknowledge()
    outcome = _run(folder, command, lock)
    _record_outcome(folder, outcome | {"at": time.time()})


def take_lock(folder: Path, seconds: float) -> int | None:
    """Take the lock of a folder, which is the right to run its command.

    Whoever looks at the process has the lock for a moment; another runner has it until the command has ended.

    :param seconds: to wait for it.
    :returns: the descriptor that holds it; none when another runner has put its start on record.
    :raises SystemExit: somebody has it and runs nothing.
    """
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if _may_not_begin(folder):
                return None
            if time.monotonic() >= until:
                sys.exit(
                    f"another process has held {folder / 'lock'} for {seconds:g} s and has started nothing"
                )
            time.sleep(_POLL)
        else:
            return lock


def _may_not_begin(folder: Path) -> bool:
    return (folder / "started.json").exists() or (folder / "stop").exists()


def _run(folder: Path, command: dict[str, Any], lock: int) -> dict[str, Any]:
    ending = _End()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ending.begin)
    signal.signal(signal.SIGALRM, ending.force)
    if not _wait_for(command.get("wait_for"), folder) or (folder / "stop").exists():
        return {"code": None, "stopped": True}
    try:
        with Path(command["log"]).open("ab", buffering=0) as log:
            child = subprocess.Popen(
                command["argv"],
                env=command["env"],
                cwd=command["cwd"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
            )
    except OSError as error:
        return {"code": 127, "error": str(error)}
    ending.child = child
    (folder / "command.json").unlink()  # its environment may hold secrets, and it is never read again
    if (folder / "stop").exists():
        ending.begin()
    return {"code": child.wait()}


class _End:
    """Ends the child when this process is told to end, by force when it does not obey."""

    child: subprocess.Popen[bytes] | None = None

    def begin(self, *_: Any) -> None:
        if self.child is not None:
            self.child.terminate()
        signal.alarm(_STOP_GRACE)

    def force(self, *_: Any) -> None:
        if self.child is not None:
            self.child.kill()


def _wait_for(address: list[Any] | None, folder: Path) -> bool:
    """Wait until something listens at an address; false when told to stop or after its time is over."""
    if address is None:
        return True
    host, port, seconds = address
    until = time.monotonic() + seconds
    while time.monotonic() < until and not (folder / "stop").exists():
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((host, port)) == 0:
                return True
        time.sleep(_POLL)
    return not (folder / "stop").exists()  # the command itself says best what it cannot reach


def _acknowledge() -> None:
    """Tell the caller that the command counts as started; it waits for nothing more."""
    with suppress(OSError):  # the caller is gone
        os.write(1, b"started")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)


def _reserve_outcome(folder: Path) -> None:
    """Take the room of the outcome now: the disk may be full when it is known."""
    with (folder / "exit.draft").open("wb") as draft:
        draft.write(b" " * 4096)
        draft.flush()
        os.fsync(draft.fileno())


def _record_outcome(folder: Path, outcome: dict[str, Any]) -> None:
    with (folder / "exit.draft").open("r+b") as draft:
        draft.write(json.dumps(outcome).encode()[:4000])
        draft.flush()
        os.fsync(draft.fileno())
    (folder / "exit.draft").replace(folder / "exit.json")


def _write(path: Path, value: Any) -> None:
    draft = path.with_suffix(".draft")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

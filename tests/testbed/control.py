"""Commands to a running testbed, over a socket in its folder: one JSON line there, one back."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hanging import ANSWER_SECONDS

from testbed.processes import Processes


def serve(file: Path, processes: Processes) -> None:
    """Carry out commands, one after the other, for ever."""
    commands: dict[str, Callable[[str], None]] = {
        "start": processes.start,
        "stop": processes.stop,
        "kill": processes.kill,
        "suspend": lambda component: processes.signal(component, signal.SIGSTOP),
        "resume": lambda component: processes.signal(component, signal.SIGCONT),
    }
    with socket.socket(socket.AF_UNIX) as server, _short_path(file) as path:
        server.bind(path)
        server.listen()
        while True:
            connection, _ = server.accept()
            connection.settimeout(ANSWER_SECONDS)
            with suppress(OSError), connection, connection.makefile("rw") as stream:  # the asker may die
                answer = _carry_out(stream.readline(), commands, processes)
                stream.write(json.dumps(answer) + "\n")


def _carry_out(line: str, commands: dict[str, Callable[[str], None]], processes: Processes) -> dict[str, Any]:
    try:
        request = json.loads(line)
        if request["do"] != "status":
            commands[request["do"]](request["component"])
    except (ValueError, KeyError, OSError) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"components": processes.status()}


def ask(file: Path, do: str, component: str | None = None) -> dict[str, Any]:
    """Send a command to a testbed.

    :param do: status, start, stop, kill, suspend or resume.
    :returns: every component's state afterwards.
    :raises RuntimeError: it was refused, with the reason.
    """
    with socket.socket(socket.AF_UNIX) as client, _short_path(file) as path:
        client.settimeout(ANSWER_SECONDS)
        client.connect(path)
        with client.makefile("rw") as stream:
            stream.write(json.dumps({"do": do, "component": component}) + "\n")
            stream.flush()
            answer: dict[str, Any] = json.loads(stream.readline())
    if "error" in answer:
        raise RuntimeError(f"{do} {component}: {answer['error']}")
    return dict(answer["components"])


@contextmanager
def _short_path(file: Path) -> Iterator[str]:
    """A path to the file that fits into a socket's address, however long its folder's is."""
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{file.name}"
    finally:
        os.close(folder)

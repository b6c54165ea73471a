"""Runs as the first process of a testbed's namespaces: makes everything, starts the components, takes commands.

Usage: python -m testbed.supervisor RUN_FOLDER HOST_NETWORK OWNER
HOST_NETWORK is an open file descriptor of the host's network namespace, OWNER the reading end of its owner's pipe.
When this process ends, the kernel ends everything in its namespaces.
"""

from __future__ import annotations

import os
import secrets
import socket
import ssl
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from hanging import ANSWER_SECONDS

from testbed import cgroups, containerd, control, network
from testbed.certificates import make_certificates
from testbed.components import API_PORT, command_lines, write_configuration
from testbed.mounts import make_mounts
from testbed.processes import Processes
from testbed.run_folder import RunFolder

_FIRST = ["etcd", "containerd", "apiserver"]


def main(run: RunFolder, host_network: int, owner: int) -> None:
    """Start a testbed and serve its control socket."""
    threading.Thread(target=_end_with, args=[owner], daemon=True).start()
    try:
        processes = _start(run, host_network)
    except Exception as error:
        traceback.print_exc()
        run.write(run.state, run.read(run.state) | {"phase": "failed", "error": str(error)})
        raise
    control.serve(run.control, processes)


def _start(run: RunFolder, host_network: int) -> Processes:
    plan = run.read(run.plan)
    make_mounts(run, Path(plan["images"]))
    network.make_bridge()
    link = network.make_link(host_network, run.id)
    os.close(host_network)
    server = f"https://{link.inner_address}:{API_PORT}"
    run.write(run.state, {"phase": "starting", "server": server, "interface": link.name})
    inside = ["127.0.0.1", network.BRIDGE_ADDRESS, network.FIRST_SERVICE]
    make_certificates(run.certificates, [link.inner_address, *inside])
    tokens = {user: secrets.token_hex(16) for user in ("admin", "kubelet")}
    write_configuration(run, tokens, [link.inner_address, "127.0.0.1"])
    cgroups.make(run.id)
    cgroups.join(run.id)
    commands = command_lines(run, Path(plan["binaries"]))
    processes = Processes(commands, run.logs, _environment(run))
    for component in _FIRST:
        processes.start(component)
    _wait(processes, "containerd", _containerd_answers)
    _wait(processes, "the API server", lambda: _is_ready(run, tokens["admin"]))
    for component in commands:
        if component not in _FIRST:
            processes.start(component)
    run.write(run.state, run.read(run.state) | {"phase": "started"})
    return processes


def _end_with(owner: int) -> None:
    """End when the owner has ended, however it did; a byte from it means that the testbed is to stay without it."""
    if not os.read(owner, 1):
        os._exit(0)


def _environment(run: RunFolder) -> dict[str, str]:
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(run.path),
        "PYTHONPATH": str(Path(__file__).parent.parent),
        "PYTHONUNBUFFERED": "1",
    }


def _wait(processes: Processes, what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ANSWER_SECONDS
    while not holds():
        for component in processes.ended():
            raise RuntimeError(f"{component} ended:\n{processes.last_lines(component)}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not become ready in {ANSWER_SECONDS} s")
        time.sleep(0.1)


def _containerd_answers() -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(containerd.SOCKET) == 0


def _is_ready(run: RunFolder, token: str) -> bool:
    trust = ssl.create_default_context(cafile=str(run.certificates / "ca.crt"))
    address = f"https://127.0.0.1:{API_PORT}/readyz"
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=5, context=trust) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    main(RunFolder(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3]))

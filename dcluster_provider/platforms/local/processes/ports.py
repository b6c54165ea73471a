"""Ports of this machine: free ones, and who holds a taken one."""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Collection

import psutil

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import InvalidSpec

HOST = "127.0.0.1"
# Below the ports that the kernel hands out for outgoing connections, which could take a chosen one before its use.
_FIRST, _LAST = 18000, 32000


def free_ports(count: int, taken: Collection[int]) -> list[int]:
    """Ports that nobody listens on.

    :param taken: ports that are promised to others.
    :raises OSError: there are not so many.
    """
    candidates = random.sample(range(_FIRST, _LAST), _LAST - _FIRST)
    found: list[int] = []
    for port in candidates:
        if len(found) == count:
            return found
        if port not in taken and is_free(port):
            found.append(port)
    raise OSError(f"fewer than {count} ports of {_FIRST} to {_LAST} are free")


def is_free(port: int) -> bool:
    """Whether a server could listen on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def holder(port: int) -> str | None:
    """Who listens on a port, in words; none when nobody does."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None if is_free(port) else "a process that this user may not see"
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and tuple(connection.laddr)[1:] == (port,):
            return _describe(connection.pid)
    return None


def _describe(pid: int | None) -> str:
    if pid is None:
        return "a process of another user"
    try:
        process = psutil.Process(pid)
        return f"process {pid} ({process.name()}, of user {process.username()})"
    except psutil.Error:
        return f"process {pid}"


def chosen_port(spec: ClusterSpec, setting: str) -> int | None:
    """A port of ``extraConfigs``; none when it is not there or 0.

    :raises InvalidSpec: it is no port.
    """
    text = spec.extra_configs.get(setting, "0")
    if not re.fullmatch(r"\d{1,5}", text.strip(), re.ASCII) or int(text) > 65535:
        raise InvalidSpec(f"field extraConfigs: {setting} is {text[:40]!r}, not a port from 1 to 65535")
    return int(text) or None

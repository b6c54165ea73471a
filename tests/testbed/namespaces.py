"""Linux namespaces of one's own: what happens in them ends with their first process, however it ends."""

from __future__ import annotations

import subprocess
from pathlib import Path

# The command gets the signal when the process that called it dies, however it does.
WITH_PARENT = ["setpriv", "--pdeathsig", "KILL"]
# --kill-child: when unshare itself is killed, the first process inside dies, and the kernel ends all others with it.
UNSHARE = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def inside(command: list[str], *, network: bool) -> list[str]:
    """The command line that runs a command as the first process of new namespaces.

    :param network: whether it also gets a network of its own.
    """
    return [*UNSHARE, *(["--net"] if network else []), *command]


def mount(*arguments: str | Path) -> None:
    """Call ``mount``."""
    subprocess.run(["mount", *map(str, arguments)], check=True)


def mount_own_run_folder() -> None:
    """An empty ``/run``: what programs leave there vanishes with the namespaces."""
    mount("-t", "tmpfs", "tmpfs", "/run")

"""Control groups of a testbed: one folder in every hierarchy, under which the kubelet keeps its pods.

Beside the pods, the components have a group of their own: elsewhere they have machines of their own, and on two busy
processors, where each counts as one process, the controllers of a full testbed stand still for half a minute.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_REMOVE_SECONDS = 60
_COMPONENTS = "components"
_EQUALS = 10 * (os.cpu_count() or 1)  # processes of the machine's own that a testbed counts as much as


def name(run_id: str) -> str:
    """The group's name."""
    return f"dcluster-testbed-{run_id}"


def make(run_id: str) -> None:
    """Make the group in every hierarchy (version 1) or in the only one (version 2)."""
    for hierarchy in _hierarchies():
        folder = hierarchy / name(run_id)
        folder.mkdir(exist_ok=True)
        if (folder / "cpuset.mems").exists():  # version 1 gives a new group no processor and no memory
            for file in ("cpuset.cpus", "cpuset.mems"):
                (folder / file).write_text((hierarchy / file).read_text())
        _share_processors(folder)


def _share_processors(folder: Path) -> None:
    """Give a group what a machine of its own would have: by default the kernel counts all of it as one process."""
    for file, one_process, most in (("cpu.shares", 1024, 262_144), ("cpu.weight", 100, 10_000)):
        if (folder / file).exists():
            (folder / file).write_text(str(min(one_process * _EQUALS, most)))


def join(run_id: str) -> None:
    """Move this process, and with it all that it starts, to the group of the testbed's components."""
    for hierarchy in _hierarchies():
        group = hierarchy / name(run_id)
        if not any((group / file).exists() for file in ("cpu.shares", "cpu.weight")):
            continue
        if (group / "cgroup.subtree_control").exists():  # version 2 gives a group what its parent passes on
            (group / "cgroup.subtree_control").write_text("+cpu")
        folder = group / _COMPONENTS
        folder.mkdir(exist_ok=True)
        _share_processors(folder)
        (folder / "cgroup.procs").write_text(str(os.getpid()))


def remove(run_id: str) -> None:
    """Remove the group of a testbed that has ended.

    :raises OSError: processes are left in it after ten seconds.
    """
    deadline = time.monotonic() + _REMOVE_SECONDS
    for hierarchy in _hierarchies():
        group = hierarchy / name(run_id)
        folders = sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True)
        for folder in [*folders, group]:
            _remove_folder(folder, deadline)


def _remove_folder(folder: Path, deadline: float) -> None:
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:  # the kernel is still taking its last processes away
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _hierarchies() -> list[Path]:
    if (ROOT / "cgroup.controllers").exists():
        return [ROOT]
    return [
        path for path in ROOT.iterdir() if path.is_dir() and not path.is_symlink() and _is_hierarchy(path)
    ]


def _is_hierarchy(path: Path) -> bool:
    return (path / "cgroup.procs").exists()

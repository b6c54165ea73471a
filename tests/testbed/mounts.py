"""What a testbed sees of the file system: its own /run and /var/log, and nothing of the host's that it could change."""

from __future__ import annotations

import os
from pathlib import Path

from testbed.components import CPUS
from testbed.image_store import use_store
from testbed.namespaces import mount, mount_own_run_folder
from testbed.run_folder import RunFolder

# The kubelet sets these for the whole machine; here it writes to copies.
_SETTINGS = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
]


def make_mounts(run: RunFolder, store: Path) -> None:
    """Prepare this mount namespace. Whatever is mounted here vanishes with it.

    :param store: the images.
    """
    layers = use_store(store, run.images)
    for source, target in layers:
        mount("--bind", source, target)
    _mount_over_system_folders(run)
    for setting in _SETTINGS:
        real = Path("/proc/sys") / setting
        copy = Path("/run/settings") / setting.replace("/", "-")
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(real.read_text())
        mount("--bind", copy, real)
    _mount_processors()


def _mount_over_system_folders(run: RunFolder) -> None:
    keep = os.open(run.path.parent.parent, os.O_RDONLY)  # the cache folder may be under /var/lib
    mount_own_run_folder()
    for folder in ("upper", "work"):
        (Path("/run/var-lib") / folder).mkdir(parents=True)
    layers = "lowerdir=/var/lib,upperdir=/run/var-lib/upper,workdir=/run/var-lib/work"
    mount("-t", "overlay", "overlay", "-o", layers, "/var/lib")
    cache = run.path.parent.parent
    if cache.is_relative_to("/var/lib"):
        mount("--rbind", f"/proc/{os.getpid()}/fd/{keep}", cache)
    os.close(keep)
    for source, target in ((run.path / "kubelet", "/var/lib/kubelet"), (run.path / "log", "/var/log")):
        source.mkdir()
        Path(target).mkdir(exist_ok=True)
        mount("--bind", source, target)


def _mount_processors() -> None:
    """More processors than there are, for the kubelet alone: containers see the real ones.

    It counts the folders, and lets containers run on those that have a place in the topology: the real ones.
    """
    folder = Path("/run/processors")
    for number in range(CPUS):
        topology = folder / f"cpu{number}" / "topology"
        topology.mkdir(parents=True)
        if number in os.sched_getaffinity(0):
            (topology / "core_id").write_text(f"{number}\n")
            (topology / "physical_package_id").write_text("0\n")
    mount("--bind", folder, "/sys/devices/system/cpu")
    memory_nodes = Path("/sys/devices/system/node")
    if memory_nodes.exists():  # they would lead to the real processors
        mount("-t", "tmpfs", "tmpfs", memory_nodes)

"""What this machine has, beside what a cluster asks for."""

from __future__ import annotations

from pathlib import Path

import psutil

from dcluster_provider.core.sizing import GIB, memory_bytes
from dcluster_provider.core.spec import ClusterSpec

_LIMIT_OF_CONTAINER = Path("/sys/fs/cgroup/memory.max")


def machine_memory() -> int:
    """The memory of this machine in bytes, or of the container that this process is in."""
    total = int(psutil.virtual_memory().total)
    try:
        limit = _LIMIT_OF_CONTAINER.read_text(encoding="ascii").strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total


def too_large(spec: ClusterSpec, memory: int) -> str | None:
    """A warning that a cluster may use more memory than there is; none when it cannot.

    :param memory: of the machine, in bytes.
    """
    workers, master = spec.workers * memory_bytes(spec.worker_memory), memory_bytes(spec.master_memory)
    if workers + master <= memory:
        return None
    many = "1 worker" if spec.workers == 1 else f"{spec.workers} workers"
    return (
        f"The cluster asks for {_gib(workers + master)} of memory ({many} of {spec.worker_memory}, a master of "
        f"{spec.master_memory}) and this machine has {_gib(memory)}. It is launched all the same; once its processes "
        "use more than there is, the system kills some of them. Ask for fewer or smaller workers, or launch it on "
        "Kubernetes."
    )


def _gib(amount: int) -> str:
    return f"{amount / GIB:.1f} GiB"

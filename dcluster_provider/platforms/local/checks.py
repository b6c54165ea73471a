"""What this machine can run: applications that are there, and clusters that fit into its memory."""

from __future__ import annotations

from pathlib import Path

import psutil

from dcluster_provider.core.addresses import ObjectStorage, Reader
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.sizing import GIB, memory_bytes
from dcluster_provider.engines.application import application_reader, check_file, is_found_by_job, local_path
from dcluster_provider.engines.dependencies import (
    Dependency,
    check_dependencies,
    check_requirements,
    dependencies_of,
    pack,
)
from dcluster_provider.engines.fetched_files import find_files

_LIMIT_OF_CONTAINER = Path("/sys/fs/cgroup/memory.max")


def check_application(spec: JobSpec, storage: ObjectStorage) -> None:
    """Refuse a job whose application cannot be run from this machine.

    :raises InvalidSpec: naming the field.
    :raises PlatformRefused: Airflow may not read a file that is in object storage, or lacks what it takes.
    """
    if not spec.application and spec.sql is None:
        raise InvalidSpec("field application: is empty; name the .py, .jar or .sql file to run, or write sql")
    check_dependencies(spec)
    check_requirements(spec)
    for dependency in dependencies_of(spec):
        _check_place(spec, dependency.title, dependency.address, dependency.reader)
    _check_place(spec, "application", spec.application, application_reader(spec))
    if spec.sql is None and application_reader(spec) is Reader.MACHINE:
        check_file(spec)
    find_files(spec, storage)


def _check_place(spec: JobSpec, title: str, address: str, reader: Reader) -> None:
    is_read_by_engine = spec.traits.fetches_applications and title != "requirements"
    if reader is Reader.IMAGE and not is_read_by_engine:
        raise InvalidSpec(
            f"JobSpec: field {title}: {address!r} is a file of an image, and the local platform runs none; name a file "
            "of this machine, or one at an address (s3://, https://)"
        )


def application_location(spec: JobSpec) -> str:
    """What the engine is given as the application."""
    return spec.application if is_found_by_job(spec) else str(local_path(spec))


def location(dependency: Dependency, packed: Path) -> str:
    """Where the engine finds what a job brings.

    :param packed: a folder for the zip files of those that are packed.
    """
    if dependency.is_found_by_job:
        return dependency.address
    return str(pack(dependency, packed) if dependency.is_packed else dependency.path)


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

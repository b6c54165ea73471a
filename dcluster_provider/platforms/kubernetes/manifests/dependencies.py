"""What a job brings beside its application, on its way into a pod: one archive, with the application in it."""

from __future__ import annotations

import io
import shlex
import tarfile
from collections.abc import Mapping
from pathlib import Path

from dcluster_provider.core.addresses import Reader, StoredFile
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.application import is_found_by_job
from dcluster_provider.engines.dependencies import (
    Dependency,
    check_dependencies,
    check_requirements,
    dependencies_of,
    pack,
    packed_environment,
    requirement_lines,
)
from dcluster_provider.platforms.kubernetes.manifests.pod_templates import SCRATCH

REQUIREMENTS = "requirements.txt"
INSTALLED, INSTALLED_ARCHIVE = f"{SCRATCH}/requirements", f"{SCRATCH}/requirements.tar"
_FOLDER = "dependencies"
# A folder that goes on the path needs nothing of the image but a Python with pip, whose caches may be read-only.
_INSTALL = f"""\
export PIP_CACHE_DIR="${{PIP_CACHE_DIR:-{SCRATCH}/pip}}"
"${{PYSPARK_PYTHON:-python3}}" -m pip install --no-input --disable-pip-version-check \
    --target {INSTALLED} -r FILE || exit 1
export PYTHONPATH="{INSTALLED}${{PYTHONPATH:+:$PYTHONPATH}}"
"""
# An environment has its own Python, which finds its place when it was unpacked.
_UNPACK = f"""\
mkdir -p {INSTALLED} && tar -xf FILE -C {INSTALLED} || exit 1
[ -x {INSTALLED}/bin/python ] || {{
    echo "The job's requirements cannot be used: there is no bin/python in" FILE >&2; exit 1
}}
[ ! -e {INSTALLED}/bin/conda-unpack ] || {INSTALLED}/bin/python {INSTALLED}/bin/conda-unpack || exit 1
"""


def travelling(spec: JobSpec) -> list[Dependency]:
    """The dependencies that somebody brings to the job: files and folders of this machine, or that Airflow reads."""
    return [each for each in dependencies_of(spec) if not each.is_found_by_job]


def check_travelling(spec: JobSpec, found: Mapping[str, StoredFile], max_bytes: int) -> None:
    """Refuse dependencies that cannot get into a pod.

    :param found: what Airflow reads of them, by address.
    :raises InvalidSpec: naming the field.
    """
    check_dependencies(spec)
    check_requirements(spec)
    for dependency in dependencies_of(spec):
        _check_place(spec, dependency)
    size = sum(_size(each, found) for each in travelling(spec))
    if size > max_bytes:
        named = ", ".join(dict.fromkeys(each.title for each in travelling(spec)))
        raise InvalidSpec(
            f"JobSpec: field {named}: the files have {size // 2**20} MiB, and what travels with the job at most "
            f"{max_bytes // 2**20}; name a folder in the connection's field staging, or put them into the image "
            "(local:///opt/app/...) or where the engine itself reads them from (s3a://, https://)"
        )


def _check_place(spec: JobSpec, dependency: Dependency) -> None:
    is_jar = spec.application.lower().endswith(".jar")
    if is_jar and not spec.traits.has_drivers and dependency.is_found_by_job is not is_found_by_job(spec):
        raise InvalidSpec(
            f"JobSpec: field {dependency.title}: {dependency.address!r} and the application have to be both brought "
            f"to the job or both in the image, so that {spec.traits.title} gets them by the same way"
        )


def bundle(spec: JobSpec, application: tuple[str, Path] | None, target: Path) -> Path:
    """The archive of what is brought to a job.

    :param application: its name in the archive and its file; none when the pod finds it by itself.
    :param target: the archive, beside which folders are packed.
    """
    with tarfile.open(target, "w:gz", compresslevel=6) as archive:
        if application is not None:
            _add(archive, *application)
        for dependency in travelling(spec):
            packed = dependency.is_packed
            path = pack(dependency, target.parent / "packed") if packed else dependency.path
            _add(archive, f"{_FOLDER}/{dependency.place}", path)
    return target


def unbundled(content: bytes) -> list[bytes]:
    """The files of such an archive, in the order in which they were put into it."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        files = (archive.extractfile(member) for member in archive)
        return [file.read() for file in files if file is not None]


def location_in_pod(spec: JobSpec, dependency: Dependency) -> str:
    """Where a driver or client finds a dependency."""
    if not dependency.is_found_by_job:
        return f"{SCRATCH}/{_FOLDER}/{dependency.place}"
    is_spark = spec.traits.fetches_applications and dependency.field != "requirements"
    return dependency.address if is_spark else dependency.address.removeprefix("local://")


def install_requirements(spec: JobSpec, file: str) -> str:
    """Lines of bash that install what a job's Python requires where its driver or client runs; none for no job.

    :param file: the requirements, as :func:`requirements_file` says.
    """
    packed = packed_environment(spec)
    if packed is not None:
        return _UNPACK.replace("FILE", shlex.quote(location_in_pod(spec, packed)))
    return _INSTALL.replace("FILE", file) if spec.requirements else ""


def requirements_file(spec: JobSpec) -> dict[str, str]:
    """The file of a job's requirements by its name; none when it has none."""
    if not spec.requirements or packed_environment(spec) is not None:
        return {}
    return {REQUIREMENTS: requirement_lines(spec, lambda each: location_in_pod(spec, each))}


def _add(archive: tarfile.TarFile, name: str, path: Path) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = path.stat().st_size, 0o644
    with path.open("rb") as content:
        archive.addfile(member, content)


def _size(dependency: Dependency, found: Mapping[str, StoredFile]) -> int:
    if dependency.reader is Reader.AIRFLOW:
        return found[dependency.address].size
    path = dependency.path
    files = (each for each in path.rglob("*") if each.is_file()) if path.is_dir() else (path,)
    return sum(each.stat().st_size for each in files)

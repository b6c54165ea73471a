"""Files of jobs that Airflow reads: looked for before anything starts, then brought to where they are used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dcluster_provider.core.addresses import ObjectStorage, Reader, StoredFile
from dcluster_provider.core.diagnosis import Diagnosis, JobCode
from dcluster_provider.core.errors import InvalidSpec, PlatformRefused
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.engines.application import application_reader, check_file
from dcluster_provider.engines.dependencies import (
    Dependency,
    check_dependencies,
    check_requirements,
    dependencies_of,
    file_name,
)


def find_files(spec: JobSpec, storage: ObjectStorage) -> dict[str, StoredFile]:
    """What there is of a job's files that Airflow reads, by address.

    :raises InvalidSpec: one is missing, or is a folder where a file is wanted.
    :raises PlatformRefused: Airflow may not read one, or lacks what it takes.
    :raises PlatformUnavailable: a store does not answer.
    """
    found = {}
    for title, address, dependency in _addresses(spec):
        try:
            there = storage.find(address, spec.storage_conn_id)
        except InvalidSpec as error:
            raise InvalidSpec(f"JobSpec: field {title}: {error}") from None
        if there is None:
            raise InvalidSpec(f"JobSpec: field {title}: there is nothing at {address}")
        if there.is_folder and not (dependency and dependency.is_folder):
            raise InvalidSpec(f"JobSpec: field {title}: {address} is a folder; it has to be a file")
        found[address] = there
    return found


def fetch_files(spec: JobSpec, storage: ObjectStorage, folder: Path) -> JobSpec:
    """Bring what Airflow reads to this machine, unless it is there, and check it as files of this machine are.

    :param folder: of these files alone; made when there are some.
    :returns: the specification with paths in place of their addresses.
    :raises PlatformRefused: one is missing by now, may not be read, or is not what its field is for.
    :raises PlatformUnavailable: a store does not answer.
    :raises OSError: one cannot be written.
    """
    places: dict[tuple[str, str], str] = {}
    for title, address, dependency in _addresses(spec):
        target = folder / (str(dependency.number) if dependency else "application") / file_name(address)
        if not target.exists():
            with _refused(title):
                storage.fetch(address, target, spec.storage_conn_id)
        places[dependency.field if dependency else "application", address] = str(target)
    if not places:
        return spec
    fetched = spec.model_copy(update=_replaced(spec, places))
    try:
        if fetched.application and application_reader(fetched) is Reader.MACHINE:
            check_file(fetched)
        check_dependencies(fetched)
        check_requirements(fetched)
    except InvalidSpec as error:
        raise PlatformRefused("the job's files", _invalid(str(error))) from error
    return fetched


def _addresses(spec: JobSpec) -> Iterator[tuple[str, str, Dependency | None]]:
    """The field by its title, the address, and the dependency, if it is not the application."""
    if application_reader(spec) is Reader.AIRFLOW:
        yield "application", spec.application, None
    for each in dependencies_of(spec):
        if each.reader is Reader.AIRFLOW:
            yield each.title, each.address, each


@contextmanager
def _refused(title: str) -> Iterator[None]:
    try:
        yield
    except InvalidSpec as error:
        raise PlatformRefused("the job's files", _invalid(f"field {title}: {error}")) from error


def _replaced(spec: JobSpec, places: dict[tuple[str, str], str]) -> dict[str, object]:
    changed: dict[str, object] = {}
    for field in {field for field, _ in places}:
        given = getattr(spec, field)
        if isinstance(given, str):
            changed[field] = places[field, given]
            continue
        bases = (each.partition("#") if field == "archives" else (each, "", "") for each in given)
        changed[field] = tuple(
            f"{places.get((field, base), base)}{mark}{alias}" for base, mark, alias in bases
        )
    return changed


def _invalid(cause: str) -> Diagnosis:
    return Diagnosis(
        JobCode.INVALID_SPEC,
        f"A file of the job cannot be used: {cause}.",
        "Correct the file or its address, then run the task again.",
    )

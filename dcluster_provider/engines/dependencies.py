"""What a job brings beside its application: files and folders, wherever they are, and what pip installs for it."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from pydantic.alias_generators import to_camel

from dcluster_provider.core.addresses import Reader, path_at, reader_of, scheme_of
from dcluster_provider.core.errors import InvalidSpec, nearest
from dcluster_provider.core.job_spec import JobSpec

_FIELDS = ("py_files", "jars", "files", "archives", "requirements")
_FOLDERS = {"py_files", "archives"}
_PACKED = (".tar.gz", ".tgz", ".tar")  # of environments, as conda-pack and venv-pack make them
_SUFFIXES = {
    "py_files": (".py", ".zip", ".egg", ".whl"),
    "jars": (".jar",),
    "archives": (".zip", ".tar", ".tar.gz", ".tgz", ".jar"),
    "requirements": (".txt", ".whl", *_PACKED),
}
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://")  # whose @ follows a connection, not a package's name
_OWN_FOLDER = re.compile(r"[./~]")
_OTHER_FILE = re.compile(r"^\s*(-r|--requirement|-c|--constraint|-e|--editable)\b", re.MULTILINE)


@dataclass(frozen=True)
class Dependency:
    """A file or folder that a job brings.

    :param field: of the specification.
    :param number: its place among all that the job brings.
    :param address: where it is, without what it is to be called.
    :param reader: who reads it.
    :param alias: of an archive: the folder that it is unpacked into; empty means its own name.
    """

    field: str
    number: int
    address: str
    reader: Reader = Reader.MACHINE
    alias: str = ""

    @property
    def title(self) -> str:
        """Its field by the name that messages have."""
        return to_camel(self.field)

    @property
    def is_found_by_job(self) -> bool:
        """Whether it is where the job runs, or read from there, so that nobody brings it."""
        return self.reader in (Reader.IMAGE, Reader.ENGINE)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, which its name tells: whoever starts the job may not have it."""
        return self.field in _FOLDERS and not self.address.lower().endswith(_SUFFIXES[self.field])

    @property
    def is_wheel(self) -> bool:
        """Whether it is a wheel."""
        return self.field == "py_files" and self.address.lower().endswith(".whl")

    @property
    def is_environment(self) -> bool:
        """Whether it is a packed environment: a Python with all that the job requires."""
        return self.field == "requirements" and self.address.lower().endswith(_PACKED)

    @property
    def is_packed(self) -> bool:
        """Whether it becomes a zip file on its way: a folder, and a wheel, since Spark knows it by no other name."""
        return self.is_folder or self.is_wheel

    @property
    def path(self) -> Path:
        """Where it is on this machine."""
        return path_at(self.address)

    @property
    def place(self) -> str:
        """Where it is kept on its way, apart from others of the same name: a relative path."""
        return f"{self.number}/{file_name(self.address)}{'.zip' if self.is_packed else ''}"

    def named(self, location: str) -> str:
        """A location with what the dependency is to be called there."""
        return f"{location}#{self.alias}" if self.alias else location


def dependencies_of(spec: JobSpec) -> Iterator[Dependency]:
    """What a job brings, field by field, in the order in which it names them."""
    named = ((field, address) for field in _FIELDS for address in getattr(spec, field))
    named = (each for each in named if each[0] != "requirements" or names_file(each[1]))
    for number, (field, address) in enumerate(named):
        base, _, alias = address.partition("#") if field == "archives" else (address, "", "")
        yield Dependency(field, number, base, _reader(spec, field, base), alias)


def file_name(address: str) -> str:
    """The name of a file or folder, as it can be anywhere."""
    return re.sub(r"[^A-Za-z0-9._+-]", "_", path_at(address).name)


def _reader(spec: JobSpec, field: str, address: str) -> Reader:
    is_web = scheme_of(address) in ("http", "https")
    if field == "requirements" and is_web and not address.lower().endswith(_PACKED):
        return Reader.ENGINE  # pip reads it
    return reader_of(address, by_spark=spec.traits.fetches_applications and field != "requirements")


def names_file(requirement: str) -> bool:
    """Whether a requirement is a file of requirements, a wheel or an environment, and not a package by its name."""
    is_path = requirement.lower().endswith(_SUFFIXES["requirements"]) or _OWN_FOLDER.match(requirement)
    return bool(is_path) and ("@" not in requirement or _ADDRESS.match(requirement) is not None)


def check_named_once(spec: JobSpec, settings: Iterable[tuple[str, str]], of_python: Iterable[str]) -> None:
    """Refuse a dependency that is named by its field and by a setting, and Python for a jar.

    :param settings: each field with a setting of the engine that says the same.
    :param of_python: the fields that mean something to Python alone.
    :raises InvalidSpec: naming the field.
    """
    for field, setting in settings:
        if getattr(spec, field) and setting in spec.extra_cmd:
            raise InvalidSpec(
                f"JobSpec: field {to_camel(field)}: extraCmd says the same in another way, in {setting}; give one of "
                "them"
            )
    if spec.application.lower().endswith(".jar"):
        for field in of_python:
            if getattr(spec, field):
                raise InvalidSpec(
                    f"JobSpec: field {to_camel(field)}: the application is a jar, which runs no Python"
                )


def check_dependencies(spec: JobSpec) -> None:
    """Refuse dependencies that are not on this machine, or are not what their field is for.

    :raises InvalidSpec: naming the field and the file.
    """
    for dependency in dependencies_of(spec):
        if dependency.is_wheel:
            _check_wheel(dependency)
        if dependency.reader is Reader.MACHINE:
            _check_file(dependency)


def _check_wheel(dependency: Dependency) -> None:
    name = dependency.address.rpartition("/")[2]
    if dependency.is_found_by_job:
        raise InvalidSpec(
            f"JobSpec: field pyFiles: {name} is a wheel that the job itself would read, and no worker finds modules in "
            "one; name a wheel of this machine or of object storage (s3://), or a zip file there"
        )
    if not name.lower().endswith("-none-any.whl"):
        raise InvalidSpec(
            f"JobSpec: field pyFiles: {name} has compiled modules, which have to be installed; name it in requirements"
        )


def _check_file(dependency: Dependency) -> None:
    path, field = dependency.path, dependency.title
    if dependency.is_folder and path.is_dir():
        return
    if not path.is_file():
        kind = "a folder" if path.is_dir() else f"missing{_nearest_beside(path)}"
        wanted = "a file or folder" if dependency.field in _FOLDERS else "a file"
        raise InvalidSpec(f"JobSpec: field {field}: {path} is {kind}; it has to be {wanted} on this machine")
    suffixes = _SUFFIXES.get(dependency.field)
    if suffixes and not path.name.lower().endswith(suffixes):
        raise InvalidSpec(f"JobSpec: field {field}: {path.name} is none of {', '.join(suffixes)}")


def _nearest_beside(path: Path) -> str:
    beside = {each.name for each in path.parent.iterdir()} if path.parent.is_dir() else set()
    return nearest(path.name, beside)


def pack(dependency: Dependency, folder: Path) -> Path:
    """A folder or wheel as a zip file below another folder: a package below its own name, an archive without it."""
    packed, path = folder / dependency.place, dependency.path
    packed.parent.mkdir(parents=True, exist_ok=True)
    if dependency.is_wheel:
        return Path(shutil.copyfile(path, packed))
    root = path.parent if dependency.field == "py_files" else path
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for each in sorted(path.rglob("*")):
            if each.is_file() and "__pycache__" not in each.parts:
                archive.write(each, each.relative_to(root))
    return packed


def check_requirements(spec: JobSpec) -> None:
    """Refuse requirements that pip cannot read, and files of them that name others, which would be left behind.

    :raises InvalidSpec: naming the requirement.
    """
    packed = packed_environment(spec)
    if packed is not None and len(spec.requirements) > 1:
        raise InvalidSpec(
            f"JobSpec: field requirements: {packed.address} is a packed environment, which is all that the job gets; "
            "leave the others out, or put them into it"
        )
    for text in spec.requirements:
        if not names_file(text):
            _check_requirement(text)
    for dependency in dependencies_of(spec):
        if dependency.field == "requirements" and dependency.reader is Reader.MACHINE:
            _check_named_files(dependency)


def packed_environment(spec: JobSpec) -> Dependency | None:
    """The environment that a job brings as a whole; none when pip makes it one, or it requires nothing."""
    return next((each for each in dependencies_of(spec) if each.is_environment), None)


def requirement_lines(spec: JobSpec, locate: Callable[[Dependency], str]) -> str:
    """The file that pip is given.

    :param locate: where pip finds a file.
    """
    files = {each.address: each for each in dependencies_of(spec) if each.field == "requirements"}
    lines = [_pip_line(files[text], locate) if text in files else text for text in spec.requirements]
    return "".join(f"{line}\n" for line in lines)


def _pip_line(dependency: Dependency, locate: Callable[[Dependency], str]) -> str:
    is_wheel = dependency.address.lower().endswith(".whl")
    return locate(dependency) if is_wheel else f"-r {locate(dependency)}"


def _check_requirement(text: str) -> None:
    try:
        Requirement(text)
    except InvalidRequirement as error:
        said = str(error).splitlines()[0]
        raise InvalidSpec(
            f"JobSpec: field requirements: {text!r} is no requirement: {said}; write one such as pandas==2.2.3, or the "
            "path of a .txt or .whl file or of a packed environment (.tar.gz)"
        ) from None


def _check_named_files(dependency: Dependency) -> None:
    if dependency.path.suffix.lower() != ".txt":
        return
    other = _OTHER_FILE.search(dependency.path.read_text(encoding="utf-8", errors="replace"))
    if other:
        raise InvalidSpec(
            f"JobSpec: field requirements: {dependency.path} names another file ({other[1]}), which does not travel "
            "with it; name each file in requirements"
        )

"""A job's application: its file."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.spec import JobSpec

_REMOTE = re.compile(r"^[a-z][a-z0-9+.-]*:")


def check_application(spec: JobSpec) -> None:
    """Refuse a job whose application cannot be run from this machine.

    :raises InvalidSpec: naming the field.
    """
    if not spec.application:
        raise InvalidSpec("field application: is empty; name the .py, .jar or .sql file to run")
    if _is_remote(spec.application):
        if spec.engine == "flink":
            raise InvalidSpec(
                f"field application: {spec.application!r} is not on this machine; the local platform runs Flink "
                "applications from files"
            )
        return
    path = local_path(spec)
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "missing"
        raise InvalidSpec(f"field application: {path} is {kind}; it has to be a file on this machine")
    if path.suffix.lower() == ".jar":
        _check_jar(path, spec)


def local_path(spec: JobSpec) -> Path:
    """The application's file, absolute."""
    return Path(spec.application.removeprefix("file://").removeprefix("file:")).expanduser().absolute()


def application_location(spec: JobSpec) -> str:
    """What the engine is given as the application."""
    return spec.application if _is_remote(spec.application) else str(local_path(spec))


def _is_remote(application: str) -> bool:
    return bool(_REMOTE.match(application)) and not application.startswith("file:")


def _check_jar(path: Path, spec: JobSpec) -> None:
    try:
        with zipfile.ZipFile(path) as jar:
            manifest = jar.read("META-INF/MANIFEST.MF").decode(errors="replace")
    except KeyError:
        manifest = ""
    except (zipfile.BadZipFile, OSError) as error:
        raise InvalidSpec(f"field application: {path} is not a jar that can be read: {error}") from None
    if not spec.main_class and not re.search(r"^(Main-Class|program-class):", manifest, re.MULTILINE):
        raise InvalidSpec(f"field mainClass: is empty, and {path} names no class to run")

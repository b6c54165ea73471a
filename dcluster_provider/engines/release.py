"""A release of an engine: what it is installed from and runs on, as data."""

from __future__ import annotations

from dataclasses import dataclass

PythonVersion = tuple[int, int]


@dataclass(frozen=True)
class EngineRelease:
    """A series of an engine's versions whose way of being launched is known and tested.

    :param engine: its name.
    :param series: the beginning of its versions, ``3.5`` for instance; any patch of it is accepted.
    :param tested: the version that is tested, and the default one.
    :param package: its distribution on PyPI.
    :param module: the Python module in which the engine's own files are.
    :param pythons: the oldest and the newest Python that it was seen to work with.
    :param javas: the same of Java, as feature versions.
    :param requirements_since: what has to be installed with it from a Python on.
    """

    engine: str
    series: str
    tested: str
    package: str
    module: str
    pythons: tuple[PythonVersion, PythonVersion]
    javas: tuple[int, int]
    requirements_since: tuple[tuple[PythonVersion, str], ...] = ()

    def is_of(self, version: str) -> bool:
        """Whether a version is one of the series."""
        series, _, patch = version.rpartition(".")
        return series == self.series and patch.isdigit()

    def requirements(self, version: str, python: PythonVersion) -> list[str]:
        """What has to be installed for a version, as pip writes it."""
        more = [requirement for since, requirement in self.requirements_since if python >= since]
        return [f"{self.package}=={version}", *more]

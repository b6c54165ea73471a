"""The releases of the engines, and which of them a specification means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.engine_traits import TYPES
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.engines.base import EngineRelease
from dcluster_provider.engines.flink.release import FLINK_RELEASES
from dcluster_provider.engines.spark.release import SPARK_RELEASES

RELEASES = (*SPARK_RELEASES, *FLINK_RELEASES)


@dataclass(frozen=True)
class VersionOfEngine:
    """A version of an engine, and the release whose ways it has.

    :param version: with its patch, ``4.1.4`` for instance.
    """

    release: EngineRelease
    version: str

    @property
    def title(self) -> str:
        """What it is called in messages."""
        return f"{TYPES[self.release.types[0]].title} {self.version}"


def releases_of(cluster_type: str) -> tuple[EngineRelease, ...]:
    """The releases of a type of clusters, the oldest first."""
    return tuple(release for release in RELEASES if cluster_type in release.types)


def default_version(cluster_type: str) -> str:
    """The version that a type stands for: the newest that is tested."""
    return releases_of(cluster_type)[-1].tested


def find_version(cluster_type: str, version: str, *, allow_untested: bool = False) -> VersionOfEngine | None:
    """What a version means as one of a type; none when it is of no release of the type.

    :param version: a series (``4.1``), which stands for its tested patch, or one of its patches.
    :param allow_untested: take a version of a series that nobody has tried, by the ways of the nearest series of the
        type.
    """
    for release in releases_of(cluster_type):
        if release.is_of(version):
            return VersionOfEngine(release, release.tested if version == release.series else version)
    nearest, numbers = nearest_release(cluster_type, version), _numbers(version)
    is_patch_of_its_major = len(numbers) == 3 and numbers[0] == _numbers(nearest.series)[0]
    return VersionOfEngine(nearest, version) if allow_untested and is_patch_of_its_major else None


def is_same_release(cluster_type: str, version: str, other: str) -> bool:
    """Whether two versions are of one release of a type; two patches of an unknown one are when they are equal."""
    one, another = find_version(cluster_type, version), find_version(cluster_type, other)
    return one.release is another.release if one and another else version == other


def nearest_release(cluster_type: str, version: str) -> EngineRelease:
    """The release of a type whose series is nearest to a version."""
    return _nearest(releases_of(cluster_type), version)


def release_of(engine: str, version: str) -> EngineRelease:
    """The release whose ways a version of an engine has that runs: its own, or the nearest."""
    return _nearest([release for release in RELEASES if release.engine == engine], version)


def reject_unknown_version(spec: ClusterSpec, *, allow_untested: bool = False) -> None:
    """Refuse a cluster of a release that is not known.

    :raises InvalidSpec: naming ``engineVersion``, the releases of the type and the nearest one.
    """
    if (
        spec.engine_version
        and find_version(spec.type, spec.engine_version, allow_untested=allow_untested) is None
    ):
        raise InvalidSpec(
            f"ClusterSpec: field engineVersion: {unknown_version(spec.type, spec.engine_version)}"
        )


def unknown_version(cluster_type: str, version: str) -> str:
    """Why a version is refused, and what to write instead."""
    other = next((release for release in RELEASES if release.is_of(version)), None)
    if other is not None and other.engine == TYPES[cluster_type].name:
        return f"{version} is not a release of type {cluster_type!r}; write the type {other.types[0]!r}"
    known = ", ".join(release.series for release in releases_of(cluster_type))
    nearest = nearest_release(cluster_type, version)
    return (
        f"{version} is not among the tested releases of type {cluster_type!r} ({known}); write {nearest.series!r}, or "
        "set allow_untested_versions in the connection to take a patch of another one"
    )


def _nearest(releases: Sequence[EngineRelease], version: str) -> EngineRelease:
    major, minor, *_ = _numbers(version)

    def distance(release: EngineRelease) -> tuple[int, int]:
        its_major, its_minor = _numbers(release.series)
        return abs(its_major - major), abs(its_minor - minor)

    return min(releases, key=distance)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))

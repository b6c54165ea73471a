"""The plug-ins of Flink clusters on this machine: those of its package, and the file system that it lacks."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.engines.flink.storage import PLUGIN
from dcluster_provider.platforms.base import Report
from dcluster_provider.platforms.local.codes import LocalCode
from dcluster_provider.platforms.local.files import locked
from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.settings import LocalSettings

_TIMEOUT_SECONDS = 60.0


def ensure_file_system(
    spec: ClusterSpec, engine: LocalEngine, settings: LocalSettings, report: Report
) -> None:
    """Fetch the file system for S3 that a cluster wants, unless it is there.

    :raises PlatformRefused: it is not there and cannot be fetched.
    """
    if not spec.storage_conn_id or _bundled(engine):
        return
    jar = _jar(engine, settings.engines_folder)
    jar.parent.mkdir(parents=True, exist_ok=True)
    with locked(jar.with_name("lock")):
        if not jar.exists():
            _fetch(engine, jar, settings.maven_repository, report)


def plugin_folder(place: ClusterPlace, engine: LocalEngine) -> Path:
    """The folder that a cluster's processes find plug-ins in, with one folder for each.

    :raises OSError: it cannot be written.
    """
    folder, fetched = place.conf / "plugins", _jar(engine, engine.python.parent.parent.parent)
    if not fetched.exists() or _bundled(engine):
        return engine.home / "plugins"
    (folder / PLUGIN).mkdir(parents=True, exist_ok=True)
    for source, target in [(each, folder / each.name) for each in (engine.home / "plugins").iterdir()] + [
        (fetched, folder / PLUGIN / fetched.name)
    ]:
        if not target.exists():
            target.symlink_to(source)
    return folder


def _bundled(engine: LocalEngine) -> bool:
    """Whether the engine has the plug-in of its own, put there by whoever runs this machine."""
    return (engine.home / "plugins" / PLUGIN).is_dir()


def _jar(engine: LocalEngine, engines_folder: Path) -> Path:
    return engines_folder / "plugins" / _path(engine).rpartition("/")[2]


def _path(engine: LocalEngine) -> str:
    """Where it is in a Maven repository."""
    (package,) = engine.release.s3_packages
    group, name, version = package.split(":")
    return f"{group.replace('.', '/')}/{name}/{version}/{name}-{version}.jar"


def _fetch(engine: LocalEngine, jar: Path, repository: str, report: Report) -> None:
    address = f"{repository.rstrip('/')}/{_path(engine)}"
    if not repository:
        raise PlatformRefused("storageConnId", _missing(engine, jar, "no Maven repository is named"))
    report(f"Fetching {jar.name}, by which Flink reads S3")
    draft = jar.with_name(f".{secrets.token_hex(4)}")
    try:
        with urlopen(address, timeout=_TIMEOUT_SECONDS) as answer, draft.open("wb") as file:  # noqa: S310
            shutil.copyfileobj(answer, file)
        draft.rename(jar)
    except (URLError, OSError, ValueError) as error:
        raise PlatformRefused("storageConnId", _missing(engine, jar, f"{address}: {error}")) from error
    finally:
        draft.unlink(missing_ok=True)


def _missing(engine: LocalEngine, jar: Path, why: str) -> Diagnosis:
    (package,) = engine.release.s3_packages
    return Diagnosis(
        LocalCode.FILE_SYSTEM_MISSING,
        f"Flink's Python package lacks the file system for S3, {package}.",
        "Name a Maven repository in the connection's field maven_repository, from which it is fetched once, or put "
        f"the jar to {jar}; or leave storageConnId out.",
        (why,),
    )

"""Packages of Maven Central, fetched once by the Ivy that is among Spark's jars."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path

from testbed.cache import Piece, Report, engines_folder, key_of

from dcluster_provider.platforms.local.installation.engines import ensure_engine
from dcluster_provider.platforms.local.settings import LocalSettings


def repository_of(packages: tuple[str, ...], without: tuple[str, ...] = ()) -> Path:
    """A folder that is a Maven repository with packages, and what they need.

    :param packages: each as ``group:artifact:version``.
    :param without: modules, each as ``group:artifact``, that nothing brings.
    """
    key = key_of(["1", *packages, "without", *without])
    return Piece("maven", key, partial(_build, packages, without), f"{packages[0]} and more").ensure(print)


def _build(packages: tuple[str, ...], without: tuple[str, ...], folder: Path, report: Report) -> None:
    engine = ensure_engine("spark3", LocalSettings(home=folder, engines_folder=engines_folder()), report)
    scratch = folder / "scratch"
    scratch.mkdir()
    (scratch / "ivy.xml").write_text(_wanted(packages, without))
    command = [engine.java, f"-Divy.default.ivy.user.dir={scratch}", "-cp", f"{engine.home}/jars/*"]
    command += ["org.apache.ivy.Main", "-ivy", scratch / "ivy.xml", "-confs", "default"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    for pom in (scratch / "cache").glob("*/*/ivy-*.xml.original"):
        _lay_out(pom, folder)
    shutil.rmtree(scratch)


def _lay_out(pom: Path, folder: Path) -> None:
    """Put what Ivy has of a version where Maven would look for it."""
    module, version = pom.parent, pom.name.removeprefix("ivy-").removesuffix(".xml.original")
    target = folder.joinpath(*module.parent.name.split("."), module.name, version)
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(pom, target / f"{module.name}-{version}.pom")
    for kind in ("jars", "bundles"):
        for jar in (module / kind).glob(f"{module.name}-{version}.jar"):
            shutil.copyfile(jar, target / jar.name)


def _wanted(packages: tuple[str, ...], without: tuple[str, ...]) -> str:
    lines = [
        '<dependency org="{}" name="{}" rev="{}" conf="default->default"/>'.format(*each.split(":"))
        for each in packages
    ]
    lines += ['<exclude org="{}" module="{}"/>'.format(*each.split(":")) for each in without]
    told = (
        '<info organisation="tests" module="tests"/><configurations><conf name="default"/></configurations>'
    )
    return f'<ivy-module version="2.0">{told}<dependencies>{"".join(lines)}</dependencies></ivy-module>'

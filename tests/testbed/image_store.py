"""containerd's folder with all images in it, unpacked: a testbed starts from it without importing anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rings import IS_EVERYTHING

from testbed.cache import Piece, Report, key_of, remove
from testbed.containerd import PAUSE_IMAGE
from testbed.images import flink, spark
from testbed.images.rootfs import make_rootfs
from testbed.namespaces import WITH_PARENT, inside
from testbed.oci import Image, Layer, new_layer, write_archive

HERE = Path(__file__).parent
PAUSE = [
    "/usr/bin/tini",
    "-s",
    "--",
    "sleep",
    "infinity",
]  # holds a pod's namespaces and reaps what it inherits
SHELL_LESS_IMAGE = "docker.io/library/shell-less:1"  # what somebody gets who names a wrong image
_SNAPSHOTS = Path("io.containerd.snapshotter.v1.overlayfs/snapshots")
_BLOBS = Path("io.containerd.content.v1.content/blobs")


@dataclass(frozen=True)
class Engines:
    """The versions of the engines that there are images of, the first of each being what tests use by default."""

    spark: tuple[str, ...]
    flink: tuple[str, ...]


def image_store() -> Piece:
    """A folder that containerd can have as its root; a run of everything has more versions of the engines in it."""
    more = (spark.OTHER_VERSIONS, flink.OTHER_VERSIONS) if IS_EVERYTHING else ((), ())
    engines = Engines((spark.VERSION, *more[0]), (flink.VERSION, *more[1]))
    recipes = [
        HERE / "oci.py",
        HERE / "image_import.py",
        Path(__file__),
        *sorted((HERE / "images").iterdir()),
    ]
    versions = f"Spark {', '.join(engines.spark)} and Flink {', '.join(engines.flink)}"
    key = key_of([PAUSE_IMAGE, versions, *(recipe for recipe in recipes if recipe.is_file())])
    size = 1 + len(engines.spark) + len(engines.flink)
    return Piece("images", key, partial(_build, engines), f"{versions}, some minutes, {size} GB")


def _build(engines: Engines, folder: Path, report: Report) -> None:
    scratch = folder / "scratch"
    scratch.mkdir()
    report("  Debian with Java and Python")
    make_rootfs(scratch / "debian.tar", scratch / "mmdebstrap.log")
    debian = Layer.of(scratch / "debian.tar")
    images = [
        Image(PAUSE_IMAGE, [debian], {"Entrypoint": PAUSE, "User": "65535:65535"}),
        _shell_less(scratch / "shell-less.tar"),
    ]
    for version in engines.spark:
        report(f"  Spark {version}")
        images.append(_spark(version, debian, scratch))
    for version in engines.flink:
        report(f"  Flink {version}")
        images.append(_flink(version, debian, scratch))
    report("  unpacking the images")
    _import(images, folder, scratch / "containerd.log")
    remove(scratch)


def _shell_less(file: Path) -> Image:
    with new_layer(file) as layer:
        layer.add_text("etc/motd", "nothing can be run here\n")
    return Image(SHELL_LESS_IMAGE, [Layer.of(file)])


def _spark(version: str, debian: Layer, scratch: Path) -> Image:
    file = scratch / f"spark-{version}.tar"
    spark.make_spark_layer(version, file, scratch / f"spark-{version}")
    remove(scratch / f"spark-{version}")
    return Image(f"docker.io/apache/spark:{version}", [debian, Layer.of(file)], spark.SETTINGS)


def _flink(version: str, debian: Layer, scratch: Path) -> Image:
    engine, python = (scratch / f"{name}-{version}.tar" for name in ("flink", "pyflink"))
    flink.make_flink_layers(version, engine, python, scratch / f"flink-{version}")
    remove(scratch / f"flink-{version}")
    layers = [debian, Layer.of(engine), Layer.of(python)]
    return Image(f"docker.io/library/flink:{version}", layers, flink.SETTINGS)


def _import(images: list[Image], root: Path, log: Path) -> None:
    command = [*WITH_PARENT, *inside([sys.executable, "-m", "testbed.image_import", str(root)], network=True)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            inside(command, network=True),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=HERE.parent,
        )
        assert process.stdin is not None
        try:
            write_archive(images, process.stdin)
            process.stdin.close()
        except BrokenPipeError:  # it ended early; its log says why
            process.wait()
        if process.wait():
            raise RuntimeError(f"containerd could not import the images:\n{log.read_text()[-3000:]}")


def use_store(store: Path, root: Path) -> list[tuple[Path, Path]]:
    """Make a root for one containerd out of the store, without copying what it only reads.

    Databases are copied. Images as they were transferred are hard links, which removing does not hurt.

    :returns: unpacked layers as (source, target): folders to be bind-mounted.
    """
    for path in _files(store):
        target = root / path.relative_to(store)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_relative_to(store / _BLOBS):
            os.link(path, target)
        else:
            shutil.copy(path, target)
    layers = []
    for layer in (store / _SNAPSHOTS).iterdir():
        target = root / _SNAPSHOTS / layer.name
        target.mkdir(parents=True)
        layers.append((layer, target))
    return layers


def _files(store: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(store):
        if Path(folder) == store / _SNAPSHOTS:
            folders.clear()  # tens of thousands of files
        yield from (Path(folder) / name for name in files)

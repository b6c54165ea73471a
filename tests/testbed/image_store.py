"""containerd's folder with all images in it, unpacked: a testbed starts from it without importing anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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


def image_store() -> Piece:
    """A folder that containerd can have as its root."""
    recipes = [
        HERE / "oci.py",
        HERE / "image_import.py",
        Path(__file__),
        *sorted((HERE / "images").iterdir()),
    ]
    key = key_of([PAUSE_IMAGE, *(recipe for recipe in recipes if recipe.is_file())])
    return Piece("images", key, _build, f"{spark.NAME} and {flink.NAME}, some minutes, 3 GB")


def _build(folder: Path, report: Report) -> None:
    scratch = folder / "scratch"
    scratch.mkdir()
    names = ("debian", "spark", "flink", "pyflink", "shell-less")
    tars = {name: scratch / f"{name}.tar" for name in names}
    report("  Debian with Java and Python")
    make_rootfs(tars["debian"], scratch / "mmdebstrap.log")
    report("  Spark")
    spark.make_spark_layer(tars["spark"], scratch / "spark")
    report("  Flink")
    flink.make_flink_layers(tars["flink"], tars["pyflink"], scratch / "flink")
    with new_layer(tars["shell-less"]) as layer:
        layer.add_text("etc/motd", "nothing can be run here\n")
    layers = {name: Layer.of(tar) for name, tar in tars.items()}
    report("  unpacking the images")
    _import(_images(layers), folder, scratch / "containerd.log")
    remove(scratch)


def _images(layers: dict[str, Layer]) -> list[Image]:
    engine = [layers["debian"], layers["flink"], layers["pyflink"]]
    return [
        Image(PAUSE_IMAGE, [layers["debian"]], {"Entrypoint": PAUSE, "User": "65535:65535"}),
        Image(f"docker.io/{spark.NAME}", [layers["debian"], layers["spark"]], spark.SETTINGS),
        Image(f"docker.io/library/{flink.NAME}", engine, flink.SETTINGS),
        Image(SHELL_LESS_IMAGE, [layers["shell-less"]]),
    ]


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

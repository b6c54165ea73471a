"""Container images without a container engine: layers as tar files, described as the OCI image format asks for."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any


@dataclass(frozen=True)
class Layer:
    """An uncompressed tar file that is a layer of an image."""

    file: Path
    digest: str

    @classmethod
    def of(cls, file: Path) -> Layer:
        """The layer that a tar file is."""
        digest = hashlib.sha256()
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
        return cls(file, digest.hexdigest())


@dataclass(frozen=True)
class Image:
    """An image by its layers, lowest first.

    :param name: with registry and tag, as pods name it; nothing is ever fetched from there.
    :param settings: Env, User, WorkingDir, Entrypoint and Cmd, in the format's own spelling.
    """

    name: str
    layers: list[Layer]
    settings: dict[str, Any] = field(default_factory=dict)


class LayerTar:
    """A layer being written: folders and files under the owner that they are to have.

    :param tar: the tar file.
    :param owner: uid and gid of everything in it.
    """

    def __init__(self, tar: tarfile.TarFile, owner: int) -> None:
        self._tar = tar
        self._owner = owner

    def add(self, source: Path, target: str) -> None:
        """Put a file or a folder with all in it at a path of the image."""
        self._tar.add(source, target.lstrip("/"), filter=self._wanted)

    def add_folder(self, target: str, mode: int = 0o755) -> None:
        """An empty folder."""
        entry = tarfile.TarInfo(target.strip("/"))
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        self._tar.addfile(self._owned(entry))

    def add_text(self, target: str, text: str, mode: int = 0o644) -> None:
        """A file with this text."""
        content = text.encode()
        entry = tarfile.TarInfo(target.strip("/"))
        entry.size, entry.mode = len(content), mode
        self._tar.addfile(self._owned(entry), io.BytesIO(content))

    def _wanted(self, entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if entry.name.endswith((".pyc", "/__pycache__")) else self._owned(entry)

    def _owned(self, entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = self._owner
        entry.uname = entry.gname = ""
        return entry


@contextmanager
def new_layer(file: Path, owner: int = 0) -> Iterator[LayerTar]:
    """Write a layer into a new tar file.

    :param owner: uid and gid of everything in it.
    """
    with tarfile.open(file, "w") as tar:
        yield LayerTar(tar, owner)


def write_archive(images: Iterable[Image], output: IO[bytes]) -> None:
    """Write images as one OCI archive; a layer that several share is in it once."""
    written: set[str] = set()
    with tarfile.open(fileobj=output, mode="w|") as archive:

        def add_blob(content: bytes, kind: str) -> dict[str, Any]:
            digest = hashlib.sha256(content).hexdigest()
            if digest not in written:
                _add_bytes(archive, f"blobs/sha256/{digest}", content)
                written.add(digest)
            return _descriptor(kind, digest, len(content))

        manifests = []
        for image in images:
            for layer in image.layers:
                if layer.digest not in written:
                    archive.add(layer.file, f"blobs/sha256/{layer.digest}")
                    written.add(layer.digest)
            config = add_blob(_json(_config(image)), "config")
            manifest = {
                "schemaVersion": 2,
                "config": config,
                "layers": [_layer(each) for each in image.layers],
            }
            descriptor = add_blob(_json(manifest), "manifest")
            manifests.append(descriptor | {"annotations": {"io.containerd.image.name": image.name}})
        _add_bytes(archive, "index.json", _json({"schemaVersion": 2, "manifests": manifests}))
        _add_bytes(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))


def _config(image: Image) -> dict[str, Any]:
    diffs = [f"sha256:{layer.digest}" for layer in image.layers]
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": image.settings,
        "rootfs": {"type": "layers", "diff_ids": diffs},
    }


def _layer(layer: Layer) -> dict[str, Any]:
    return _descriptor("layer", layer.digest, layer.file.stat().st_size)


def _descriptor(kind: str, digest: str, size: int) -> dict[str, Any]:
    types = {"config": "config.v1+json", "manifest": "manifest.v1+json", "layer": "layer.v1.tar"}
    media = f"application/vnd.oci.image.{types[kind]}"
    return {"mediaType": media, "digest": f"sha256:{digest}", "size": size}


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))

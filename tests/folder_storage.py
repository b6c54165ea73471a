"""Object storage whose buckets are folders of this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

from dcluster_provider.core.addresses import SharedFile, StorageEndpoint, StoredFile
from dcluster_provider.core.errors import InvalidSpec


class FolderStorage:
    """Reads ``s3://BUCKET/KEY`` from ``FOLDER/BUCKET/KEY``; what it was asked for is counted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fetched: list[tuple[str, str]] = []
        self.credentials_read = 0
        self.missing: set[str] = set()  # connections

    def put(self, address: str, content: bytes) -> str:
        """Store a file; returns its address."""
        path = self._path(address)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return address

    def find(self, address: str, conn_id: str = "") -> StoredFile | None:
        path = self._path(address)
        if not path.exists():
            return None
        files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
        return StoredFile(sum(each.stat().st_size for each in files), path.is_dir())

    def fetch(self, address: str, target: Path, conn_id: str = "") -> None:
        self.fetched.append((address, conn_id))
        target.parent.mkdir(parents=True, exist_ok=True)
        path = self._path(address)
        shutil.copytree(path, target) if path.is_dir() else shutil.copyfile(path, target)

    def share(self, file: Path, folder: str) -> SharedFile:
        """Keep a file; its link is one of this machine."""
        address = self.put(f"{folder}/shared", file.read_bytes())
        return SharedFile(address, self._path(address).as_uri())

    def endpoint(self, conn_id: str) -> StorageEndpoint:
        """What a connection of a test says."""
        self._reject_the_missing(conn_id)
        return StorageEndpoint("https://s3.acme.org", "eu-west-1", path_style=True)

    def credentials(self, conn_id: str) -> dict[str, str]:
        """What a connection of a test comes to."""
        self._reject_the_missing(conn_id)
        self.credentials_read += 1
        return {"AWS_ACCESS_KEY_ID": conn_id}

    def _reject_the_missing(self, conn_id: str) -> None:
        if conn_id in self.missing:
            raise InvalidSpec(f"field storageConnId: connection {conn_id!r}: it isn't defined")

    def _path(self, address: str) -> Path:
        return self.folder / address.partition("://")[2].lstrip("/")

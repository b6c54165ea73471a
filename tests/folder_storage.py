"""Object storage whose buckets are folders of this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

from dcluster_provider.core.addresses import SharedFile, StorageAccess, StoredFile


class FolderStorage:
    """Reads ``s3://BUCKET/KEY`` from ``FOLDER/BUCKET/KEY``; what it was asked to fetch, and with which connection."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fetched: list[tuple[str, str]] = []

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

    def access(self, conn_id: str) -> StorageAccess:
        """What a connection of a test says."""
        return StorageAccess("https://s3.acme.org", "eu-west-1", True, {"AWS_ACCESS_KEY_ID": conn_id})

    def _path(self, address: str) -> Path:
        return self.folder / address.partition("://")[2].lstrip("/")

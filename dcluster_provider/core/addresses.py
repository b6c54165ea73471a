"""Who reads a file that a job names, told by its address alone; and what a job needs to read storage by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from dcluster_provider.core.errors import InvalidSpec

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):")
# What Hadoop's file systems and Spark's own downloads are asked by.
_OF_SPARK = frozenset({
    "hdfs", "viewfs", "webhdfs", "swebhdfs", "s3a", "s3n", "wasb", "wasbs", "http", "https", "ftp"
})  # fmt: skip
# Hadoop's abfs addresses name the account by its host; Airflow's name a connection or nothing before a container.
_ABFS_OF_HADOOP = re.compile(r"abfss?://[^/@]+@[^/]+\.")


class Reader(Enum):
    """Who reads a file."""

    MACHINE = "a file of the machine that the task runs on"
    IMAGE = "a file of the image that the job runs in"
    ENGINE = "read where the job runs, by the engine or by pip"
    AIRFLOW = "read through Airflow's object storage, and brought to the job"


def scheme_of(address: str) -> str:
    """The scheme of an address; empty for a path."""
    match = _SCHEME.match(address)
    return match[1] if match else ""


def reader_of(address: str, *, by_spark: bool) -> Reader:
    """Who reads the file at an address.

    :param by_spark: whether Spark takes the address; Flink's client reads files of its own machine alone.
    """
    scheme = scheme_of(address)
    if scheme in ("", "file"):
        return Reader.MACHINE
    if scheme == "local":
        return Reader.IMAGE
    if by_spark and (scheme in _OF_SPARK or _ABFS_OF_HADOOP.match(address)):
        return Reader.ENGINE
    return Reader.AIRFLOW


def path_at(address: str) -> Path:
    """The file of this machine at an address, absolute; of another address, a path that ends with its name."""
    return Path(address.removeprefix("file://").removeprefix("file:")).expanduser().absolute()


@dataclass(frozen=True)
class StoredFile:
    """A file or folder in object storage.

    :param size: bytes; of a folder, of all that is in it.
    """

    size: int
    is_folder: bool = False


# The variables by which the libraries of AWS, and so Spark's and Flink's file systems, find credentials.
AWS_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@dataclass(frozen=True)
class StorageEndpoint:
    """Where jobs find S3.

    :param url: of another store than AWS's, as ``https://host:port``; empty means AWS.
    :param path_style: the bucket is part of the path, not of the host.
    """

    url: str = ""
    region: str = ""
    path_style: bool = False


@dataclass(frozen=True)
class SharedFile:
    """A file that whoever has its link can read for some days.

    :param address: of it in object storage.
    :param link: a signed https address; a secret.
    """

    address: str
    link: str = field(repr=False)


class ObjectStorage(Protocol):
    """Reads addresses with the connections of Airflow. Every method blocks.

    Its methods raise :class:`~dcluster_provider.core.errors.InvalidSpec` for an address that nothing reads,
    ``PlatformRefused`` when what it takes is missing or forbidden, and ``PlatformUnavailable`` when nobody answers.
    """

    def find(self, address: str, conn_id: str = "") -> StoredFile | None:
        """What is at an address; none when nothing is.

        :param conn_id: the connection, unless the address names one.
        """

    def fetch(self, address: str, target: Path, conn_id: str = "") -> None:
        """Copy a file or folder to this machine.

        :param target: does not exist; whole when this returns.
        """

    def share(self, file: Path, folder: str) -> SharedFile:
        """Put a file of this machine where a link leads to it, unless it is there; older ones are removed.

        :param folder: an address.
        """

    def endpoint(self, conn_id: str) -> StorageEndpoint:
        """Where an Airflow connection of type ``aws`` finds S3."""

    def credentials(self, conn_id: str) -> Mapping[str, str]:
        """The credentials of an Airflow connection of type ``aws``, by the names of ``AWS_VARIABLES``.

        None where the machine or pod has a role of its own. Each call may ask AWS for new ones.
        """


class NoObjectStorage:
    """Stands in where there is no Airflow to read addresses with."""

    def find(self, address: str, conn_id: str = "") -> StoredFile | None:  # noqa: ARG002
        """Refuse the address."""
        raise InvalidSpec(f"{address}: nothing reads such addresses here")

    def fetch(self, address: str, target: Path, conn_id: str = "") -> None:  # noqa: ARG002
        """Refuse the address."""
        raise InvalidSpec(f"{address}: nothing reads such addresses here")

    def share(self, file: Path, folder: str) -> SharedFile:  # noqa: ARG002
        """Refuse the folder."""
        raise InvalidSpec(f"{folder}: nothing writes to such addresses here")

    def endpoint(self, conn_id: str) -> StorageEndpoint:
        """Refuse the connection."""
        raise InvalidSpec(_unread(conn_id))

    def credentials(self, conn_id: str) -> Mapping[str, str]:
        """Refuse the connection."""
        raise InvalidSpec(_unread(conn_id))


def _unread(conn_id: str) -> str:
    return f"field storageConnId: nothing reads the connection {conn_id!r} here"


NO_STORAGE: ObjectStorage = NoObjectStorage()

"""Addresses that Airflow reads: its object storage, with its connections, and plain web addresses."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.addresses import SharedFile, StorageEndpoint, StoredFile, scheme_of
from dcluster_provider.core.diagnosis import ConnectionCode, Diagnosis
from dcluster_provider.core.errors import (
    DClusterError,
    InvalidSpec,
    PlatformRefused,
    PlatformUnavailable,
    nearest,
)
from dcluster_provider.storage.aws_access import aws_credentials, aws_endpoint

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_WEB = {"http", "https"}
# Of shared files: how long a link is valid, how old one may be that is used again, and when it is removed.
_VALID, _REUSED, _KEPT = timedelta(days=3), timedelta(days=1), timedelta(days=5)
_FILE_SYSTEMS: dict[tuple[str, str], tuple[str, Any]] = {}  # by scheme and connection, with what that said
_OURS = re.compile(r"/[0-9a-f]{32}$")
# Names of exceptions by which the libraries of object stores say who may not read; they have no base in common.
_NO_CREDENTIALS = ("NoCredentials", "PartialCredentials", "DefaultCredentials", "TokenRetrieval")
_FORBIDDEN = ("Forbidden", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Unauthorized")


class AirflowObjectStorage:
    """Reads addresses through Airflow; see :class:`~dcluster_provider.core.addresses.ObjectStorage`.

    What an address means, and which connection it names, is ObjectStoragePath's:
    https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/objectstorage.html
    """

    def find(self, address: str, conn_id: str = "") -> StoredFile | None:
        """What is at an address; none when nothing is.

        :param conn_id: the connection, unless the address names one.
        """
        with _explained(address):
            system, path = _open(address, conn_id)
            system.invalidate_cache()
            try:
                found = system.info(path)
            except FileNotFoundError as error:
                if _is_unreachable(error.__cause__):
                    raise
                return None
            if found["type"] == "directory":
                return StoredFile(system.du(path), is_folder=True)
            return StoredFile(found.get("size") or 0)

    def fetch(self, address: str, target: Path, conn_id: str = "") -> None:
        """Copy a file or folder to this machine.

        :param target: does not exist; whole when this returns.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with _explained(address):
                system, path = _open(address, conn_id)
                system.get(path, str(draft), recursive=system.isdir(path))
            draft.rename(target)
        finally:
            shutil.rmtree(draft) if draft.is_dir() else draft.unlink(missing_ok=True)

    def share(self, file: Path, folder: str) -> SharedFile:
        """Put a file of this machine where a link leads to it, unless it is there; older ones are removed.

        Files are named by their content, so that any number of processes may share one at once, and be killed.

        :param folder: an address.
        """
        address = f"{folder.rstrip('/')}/{_digest(file)}"
        with _explained(address):
            system, path = _open(address, "")
            system.invalidate_cache()
            if not system.exists(path) or _age(system, path) > _REUSED:
                system.put(str(file), path)
                _remove_old(system, path.rpartition("/")[0])
            try:
                return SharedFile(address, system.sign(path, expiration=int(_VALID.total_seconds())))
            except NotImplementedError as error:
                raise PlatformRefused(address, _cannot_sign(scheme_of(address))) from error

    def endpoint(self, conn_id: str) -> StorageEndpoint:
        """Where an Airflow connection of type ``aws`` finds S3."""
        with _explained_connection(conn_id):
            return aws_endpoint(conn_id)

    def credentials(self, conn_id: str) -> Mapping[str, str]:
        """The credentials of an Airflow connection of type ``aws``; they are masked in logs from then on."""
        with _explained_connection(conn_id):
            return aws_credentials(conn_id)


def _open(address: str, conn_id: str) -> tuple[AbstractFileSystem, str]:
    """The file system behind an address, and the path in it."""
    scheme = scheme_of(address)
    if scheme in _WEB:
        from fsspec import filesystem

        return filesystem(scheme), address
    from airflow.sdk import ObjectStoragePath
    from airflow.sdk.io.fs import _register_filesystems, has_fs

    if not has_fs(scheme):
        known = {*_register_filesystems(), *_WEB}
        raise InvalidSpec(
            f"{address}: this Airflow reads no {scheme}:// addresses{nearest(scheme, known)}; it reads those of "
            f"{', '.join(sorted(known))}; other schemes come with the provider of their store"
        )
    path = ObjectStoragePath(address)
    return _file_system(scheme, path.conn_id or conn_id), path.path


def _file_system(scheme: str, conn_id: str) -> AbstractFileSystem:
    """The file system of a connection as it is now; Airflow's own would be that of its first use in this process.

    Airflow's reader of S3 goes on without a connection that does not exist, so that is looked for here.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.io.fs import get_fs

    said = BaseHook.get_connection(conn_id).get_uri() if conn_id else ""
    known = _FILE_SYSTEMS.get((scheme, conn_id))
    if known is None or known[0] != said:
        known = _FILE_SYSTEMS[scheme, conn_id] = said, get_fs(scheme, conn_id or None)
    return known[1]


def _is_unreachable(error: BaseException | None) -> bool:
    """Whether a request over HTTP failed for want of a server; fsspec calls that a missing file, too."""
    return any(each.__name__ == "ClientConnectionError" for each in type(error).__mro__)


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        for chunk in iter(lambda: content.read(2**20), b""):
            digest.update(chunk)
    return digest.hexdigest()[:32]


def _age(system: AbstractFileSystem, path: str) -> timedelta:
    modified: datetime = system.modified(path)
    return datetime.now(timezone.utc) - modified.replace(tzinfo=modified.tzinfo or timezone.utc)


def _remove_old(system: AbstractFileSystem, folder: str) -> None:
    for each in system.ls(folder, detail=False):
        try:
            if _OURS.search(each) and _age(system, each) > _KEPT:
                system.rm_file(each)
        except FileNotFoundError:
            continue  # another process was first


@contextmanager
def _explained(
    address: str, remedy: str = "name one in the address: s3://CONNECTION@bucket/key"
) -> Iterator[None]:
    """Raise what the many libraries of object stores raise as errors of this package.

    :param remedy: for a connection that does not exist.
    """
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        yield
    except DClusterError:
        raise
    except FileNotFoundError as error:
        if _is_unreachable(error.__cause__):
            raise PlatformUnavailable(f"{address}: cannot be read now: {error.__cause__}") from error
        raise InvalidSpec(f"there is nothing at {address}") from error
    except ImportError as error:
        raise PlatformRefused(address, _missing_library(error)) from error
    except AirflowNotFoundException as error:
        raise InvalidSpec(f"{address}: {error}; {remedy}") from error
    except Exception as error:
        chain = " ".join(f"{type(each).__name__} {each}" for each in (error, error.__cause__) if each)
        if any(name in chain for name in _NO_CREDENTIALS):
            raise PlatformRefused(address, _refused(ConnectionCode.CREDENTIALS_MISSING, chain)) from error
        if isinstance(error, PermissionError) or any(name in chain for name in _FORBIDDEN):
            raise PlatformRefused(address, _refused(ConnectionCode.PERMISSION_MISSING, chain)) from error
        raise PlatformUnavailable(f"{address}: cannot be read now: {chain}") from error


def _explained_connection(conn_id: str) -> AbstractContextManager[None]:
    return _explained(f"field storageConnId: connection {conn_id!r}", remedy="name one of type 'aws'")


def _missing_library(error: ImportError) -> Diagnosis:
    return Diagnosis(
        ConnectionCode.PROVIDER_MISSING,
        "The library that reads such addresses is not installed.",
        "Install dcluster-provider[s3], or the extra of the store's provider that Airflow's object storage needs.",
        (str(error),),
    )


def _cannot_sign(scheme: str) -> Diagnosis:
    return Diagnosis(
        ConnectionCode.WRONG_TYPE,
        f"Nothing signs links to {scheme}:// addresses, by which pods could read files.",
        "Name a folder of S3, Google Cloud Storage or Azure in the connection's field staging.",
    )


def _refused(code: ConnectionCode, said: str) -> Diagnosis:
    return Diagnosis(
        code,
        "The store does not let this connection read it.",
        "Name a connection that may read it: in the address (s3://CONNECTION@bucket/key) or in storageConnId.",
        (said,),
    )

"""Addresses that Airflow reads: its object storage, with its connections, and plain web addresses."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dcluster_provider.core.addresses import StorageAccess, StoredFile, scheme_of
from dcluster_provider.core.diagnosis import ConnectionCode, Diagnosis
from dcluster_provider.core.errors import (
    DClusterError,
    InvalidSpec,
    PlatformRefused,
    PlatformUnavailable,
    nearest,
)
from dcluster_provider.storage.aws_access import aws_access

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_WEB = {"http", "https"}
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

    def access(self, conn_id: str) -> StorageAccess:
        """What an Airflow connection of type ``aws`` says of S3; its secrets are masked in logs from then on."""
        with _explained(f"field storageConnId: connection {conn_id!r}", remedy="name one of type 'aws'"):
            return aws_access(conn_id)


def _open(address: str, conn_id: str) -> tuple[AbstractFileSystem, str]:
    """The file system behind an address, and the path in it."""
    scheme = scheme_of(address)
    if scheme in _WEB:
        from fsspec import filesystem

        return filesystem(scheme), address
    from airflow.sdk import BaseHook, ObjectStoragePath
    from airflow.sdk.io.fs import _register_filesystems, has_fs

    if not has_fs(scheme):
        known = {*_register_filesystems(), *_WEB}
        raise InvalidSpec(
            f"{address}: this Airflow reads no {scheme}:// addresses{nearest(scheme, known)}; it reads those of "
            f"{', '.join(sorted(known))}; other schemes come with the provider of their store"
        )
    path = ObjectStoragePath(address)
    if conn_id and not path.conn_id:  # which it would overrule
        path = ObjectStoragePath(address, conn_id=conn_id)
    if path.conn_id:
        # Airflow's own reader of S3 goes on without a connection that does not exist, and tells only its log.
        BaseHook.get_connection(path.conn_id)
    return path.fs, path.path


def _is_unreachable(error: BaseException | None) -> bool:
    """Whether a request over HTTP failed for want of a server; fsspec calls that a missing file, too."""
    return any(each.__name__ == "ClientConnectionError" for each in type(error).__mro__)


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


def _missing_library(error: ImportError) -> Diagnosis:
    return Diagnosis(
        ConnectionCode.PROVIDER_MISSING,
        "The library that reads such addresses is not installed.",
        "Install dcluster-provider[s3], or the extra of the store's provider that Airflow's object storage needs.",
        (str(error),),
    )


def _refused(code: ConnectionCode, said: str) -> Diagnosis:
    return Diagnosis(
        code,
        "The store does not let this connection read it.",
        "Name a connection that may read it: in the address (s3://CONNECTION@bucket/key) or in storageConnId.",
        (said,),
    )

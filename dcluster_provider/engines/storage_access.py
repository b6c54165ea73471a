"""What clusters and jobs are told so that they reach S3 by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from dcluster_provider.core.addresses import ObjectStorage
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.diagnosis import ConnectionCode, Diagnosis
from dcluster_provider.core.errors import InvalidSpec, PlatformRefused
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.table import engine_of

_Record = TypeVar("_Record", Cluster, Job)
_SETTINGS: Mapping[type, str] = {
    ClusterSpec: "extra_configs",
    JobSpec: "extra_cmd",
}  # the field that holds them


def check_storage(spec: ClusterSpec | JobSpec, storage: ObjectStorage) -> None:
    """Refuse a connection that says nothing of S3.

    :raises InvalidSpec: it is missing, or of another type.
    :raises PlatformRefused: it has no credentials, or what reads it is not installed.
    """
    try:
        if spec.storage_conn_id:
            storage.credentials(spec.storage_conn_id)
    except InvalidSpec as error:
        raise InvalidSpec(f"{type(spec).__name__}: {error}") from None


def storage_credentials(spec: ClusterSpec | JobSpec, storage: ObjectStorage) -> Mapping[str, str]:
    """The variables by which a cluster or job that was accepted may read its storage.

    :raises PlatformRefused: its connection is no longer what was accepted.
    """
    with _changed_since(spec):
        return storage.credentials(spec.storage_conn_id) if spec.storage_conn_id else {}


def with_storage(record: _Record, storage: ObjectStorage) -> _Record:
    """A cluster or job that was accepted, whose settings name the storage of its connection unless its own do.

    :raises PlatformRefused: its connection is no longer what was accepted.
    """
    spec = record.spec
    if not spec.storage_conn_id:
        return record
    with _changed_since(spec):
        told = engine_of(spec).storage_settings(storage.endpoint(spec.storage_conn_id))
    field = _SETTINGS[type(spec)]
    return replace(record, spec=spec.model_copy(update={field: told | getattr(spec, field)}))


@contextmanager
def _changed_since(spec: ClusterSpec | JobSpec) -> Iterator[None]:
    try:
        yield
    except InvalidSpec as error:
        cause = Diagnosis(
            ConnectionCode.CREDENTIALS_MISSING,
            f"The connection {spec.storage_conn_id!r} no longer says how storage is reached.",
            "Correct the connection, then run the task again.",
            (str(error),),
        )
        raise PlatformRefused(f"connection {spec.storage_conn_id!r}", cause) from error

"""What clusters and jobs are told so that they reach S3 by themselves."""

from __future__ import annotations

from dataclasses import replace

from dcluster_provider.core.addresses import ObjectStorage, StorageAccess
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.core.spec import ClusterSpec, JobSpec
from dcluster_provider.engines.table import engine_of


def access_of(spec: ClusterSpec | JobSpec, storage: ObjectStorage) -> StorageAccess:
    """How what a specification asks for reaches S3.

    :raises InvalidSpec: its connection is missing, or of another type.
    :raises PlatformRefused: the connection has no credentials, or what reads it is not installed.
    """
    if not spec.storage_conn_id:
        return StorageAccess()
    try:
        return storage.access(spec.storage_conn_id)
    except InvalidSpec as error:
        raise InvalidSpec(f"{type(spec).__name__}: {error}") from None


def cluster_with_storage(cluster: Cluster, storage: ObjectStorage) -> Cluster:
    """A cluster whose settings name the storage of its connection, unless its own do."""
    spec = cluster.spec
    if not spec.storage_conn_id:
        return cluster
    settings = engine_of(spec).storage_settings(access_of(spec, storage)) | spec.extra_configs
    return replace(cluster, spec=spec.model_copy(update={"extra_configs": settings}))


def job_with_storage(job: Job, storage: ObjectStorage) -> Job:
    """The same of a job."""
    spec = job.spec
    if not spec.storage_conn_id:
        return job
    settings = engine_of(spec).storage_settings(access_of(spec, storage)) | spec.extra_cmd
    return replace(job, spec=spec.model_copy(update={"extra_cmd": settings}))

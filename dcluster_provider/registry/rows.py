"""Conversion between records and rows."""

from __future__ import annotations

from typing import Any

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState

_UNUSED_STATE = {"__pydantic_extra__": None, "__pydantic_private__": None}


def cluster_values(cluster: Cluster) -> dict[str, Any]:
    """The columns of a new cluster's row."""
    return {
        **_request_values(cluster),
        **cluster_changes(cluster),
        "name": cluster.name,
        "platform": cluster.platform,
        "tenant": cluster.spec.tenant,
        "engine": cluster.spec.engine,
        "long_living": cluster.spec.long_living,
        "last_used_at": cluster.last_used_at,
    }


def cluster_changes(cluster: Cluster) -> dict[str, Any]:
    """The columns that a save may change; those of the request never change."""
    return {
        **_state_values(cluster),
        "location": cluster.location,
        "master_url": cluster.master_url,
        "workers_ready": cluster.workers_ready,
        "resizing_since": cluster.resizing_since,
    }


def cluster_of(row: Any) -> Cluster:
    """The cluster of a row with all columns."""
    return Cluster(
        **_request_of(row),
        spec=_spec_of(ClusterSpec, row.spec),
        state=ClusterState(row.state),
        name=row.name,
        platform=row.platform,
        location=row.location,
        last_used_at=row.last_used_at,
        master_url=row.master_url,
        workers_ready=row.workers_ready,
        resizing_since=row.resizing_since,
    )


def job_values(job: Job) -> dict[str, Any]:
    """The columns of a new job's row."""
    return {**_request_values(job), **job_changes(job), "client": job.client, "module": job.module}


def job_changes(job: Job) -> dict[str, Any]:
    """The columns that a save may change; those of the request never change."""
    return {
        **_state_values(job),
        "cluster_id": job.cluster_id,
        "owns_cluster": job.owns_cluster,
        "exit_code": job.exit_code,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "savepoint_requested": job.savepoint_requested,
        "savepoint": job.savepoint,
        "savepoint_failure": job.savepoint_failure.as_json() if job.savepoint_failure else None,
        "result": job.result,
    }


def job_of(row: Any) -> Job:
    """The job of a row with all columns."""
    return Job(
        **_request_of(row),
        spec=_spec_of(JobSpec, row.spec),
        state=JobState(row.state),
        cluster_id=row.cluster_id,
        owns_cluster=row.owns_cluster,
        exit_code=row.exit_code,
        started_at=row.started_at,
        ended_at=row.ended_at,
        savepoint_requested=row.savepoint_requested,
        savepoint=row.savepoint,
        savepoint_failure=_diagnosis_of(row.savepoint_failure),
        result=row.result,
    )


def _request_values(record: Cluster | Job) -> dict[str, Any]:
    owner = record.owner
    if owner is not None and owner.deployment != record.deployment:
        raise InvalidSpec(
            f"The owner {owner} belongs to the deployment {owner.deployment!r}, the request to {record.deployment!r}"
        )
    return {
        "key": record.key,
        "generation": record.generation,
        "deployment": record.deployment,
        "registry_id": record.registry_id,
        "conn_id": record.conn_id,
        "spec": record.spec.model_dump(mode="json"),
        "owner_dag_id": owner.dag_id if owner else None,
        "owner_run_id": owner.run_id if owner else None,
        "owner_task_id": owner.task_id if owner else None,
        "owner_map_index": owner.map_index if owner else None,
        "owner_epoch": owner.epoch if owner else None,
        "created_at": record.created_at,
    }


def _state_values(record: Cluster | Job) -> dict[str, Any]:
    return {
        "version": record.version,
        "state": record.state.value,
        "state_since": record.state_since,
        "ui_url": record.ui_url,
        "diagnosis": record.diagnosis.as_json() if record.diagnosis else None,
    }


def _request_of(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "key": row.key,
        "generation": row.generation,
        "version": row.version,
        "deployment": row.deployment,
        "registry_id": row.registry_id,
        "conn_id": row.conn_id,
        "owner": _owner_of(row),
        "created_at": row.created_at,
        "state_since": row.state_since,
        "ui_url": row.ui_url,
        "diagnosis": _diagnosis_of(row.diagnosis),
    }


def _diagnosis_of(stored: dict[str, Any] | None) -> Diagnosis | None:
    return Diagnosis.from_json(stored) if stored else None


def _owner_of(row: Any) -> Owner | None:
    if row.owner_dag_id is None:
        return None
    return Owner(
        row.deployment,
        row.owner_dag_id,
        row.owner_run_id,
        row.owner_task_id,
        row.owner_map_index,
        row.owner_epoch,
    )


def _spec_of(kind: Any, stored: dict[str, Any]) -> Any:
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
    # It was validated when it was stored; validated again, a later rule could make old rows unreadable.
    known = kind.model_fields.keys()
    if fields.keys() != known:
        # Written by another version: a field that it did not know gets its default.
        return kind.model_construct(**{name: value for name, value in fields.items() if name in known})
    # As a copy or unpickling makes it: a tenth of the time, of which long lists are made.
    spec = kind.__new__(kind)
    spec.__setstate__({"__dict__": fields, "__pydantic_fields_set__": set(fields), **_UNUSED_STATE})
    return spec

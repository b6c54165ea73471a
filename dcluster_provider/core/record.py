"""The records of clusters and jobs: immutable, replaced as a whole by each change."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import InvalidSpec, nearest
from dcluster_provider.core.identity import Owner, derived_key
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.redaction import redaction

State = TypeVar("State", "ClusterState", "JobState")


class ClusterState(str, Enum):
    """The life of a cluster. RUNNING means that the master or JobManager itself reports every worker or slot."""

    REQUESTED = "REQUESTED"
    PROVISIONING = "PROVISIONING"
    RUNNING = "RUNNING"
    DEGRADED = "DEGRADED"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        """Whether nothing of the cluster is left and its state never changes again."""
        return self in (ClusterState.TERMINATED, ClusterState.FAILED)

    @property
    def is_ending(self) -> bool:
        """Whether the cluster is terminating, or has terminated or failed."""
        return self.is_final or self is ClusterState.TERMINATING

    @property
    def takes_jobs(self) -> bool:
        """Whether a job can start on the cluster now."""
        return self in (ClusterState.RUNNING, ClusterState.DEGRADED)


class JobState(str, Enum):
    """The life of a job. UNKNOWN means that its cluster lost it: whether it did its work is unknown."""

    REQUESTED = "REQUESTED"
    SUBMITTED = "SUBMITTED"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    UNKNOWN = "UNKNOWN"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended, so that its state never changes again."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.KILLED, JobState.UNKNOWN)


EXTERNAL = "external"
LIVE_JOB_STATES = tuple(state for state in JobState if not state.is_final)


@dataclass(frozen=True)
class Cluster:
    """A cluster as the registry stores it.

    :param id: assigned by the registry.
    :param key: the request it answers; with ``generation`` it is unique.
    :param generation: 1 for the first cluster of the key, one more for each that replaces a failed one.
    :param version: incremented by every save; a save of an older version is rejected.
    :param conn_id: the Airflow connection it was launched through.
    :param platform: name of the platform; ``external`` for an external cluster.
    :param owner: the Airflow task that requested it; None when a person did.
    :param location: where its platform makes it; empty for an external cluster, and for one of a schema without
        locations. An observation may make it more precise.
    :param registry_id: id of the registry that it was claimed in; empty in rows of a schema without these ids.
    :param state_since: when the present state began.
    :param diagnosis: why it failed; of a live cluster, why it makes no progress.
    :param last_used_at: when a job was last live on it; its launch before the first job.
    :param resizing_since: when its present number of workers was asked for; None once it has exactly these.
    """

    id: int
    name: str
    key: str
    generation: int
    version: int
    deployment: str
    conn_id: str
    platform: str
    spec: ClusterSpec
    owner: Owner | None
    state: ClusterState
    created_at: datetime
    state_since: datetime
    last_used_at: datetime
    master_url: str = ""
    ui_url: str = ""
    workers_ready: int = 0
    diagnosis: Diagnosis | None = None
    resizing_since: datetime | None = None
    location: str = ""
    registry_id: str = ""

    @property
    def platform_key(self) -> str:
        """A key that is unique across registries: two Airflows may run the same DAGs."""
        return _platform_key(self.key, self.registry_id)

    def __post_init__(self) -> None:
        _hide_secrets(self, "diagnosis")

    @property
    def is_external(self) -> bool:
        """Whether it is an external cluster: jobs run on it, and it is neither watched nor terminated."""
        return self.platform == EXTERNAL

    @property
    def type(self) -> str:
        """The cluster type of the specification, the first part of the cluster's name."""
        return self.spec.type

    def __str__(self) -> str:
        return f"cluster {self.id} ({self.name})"

    def as_json(self) -> dict[str, Any]:
        """The cluster as a JSON object without secrets: ClusterEntity's fields, state, addresses and diagnosis."""
        return redaction().fields(self.spec.as_json()) | {
            "clusterId": self.id,
            "clusterName": self.name,
            "state": self.state.value,
            "stateSince": self.state_since.isoformat(),
            "createdAt": self.created_at.isoformat(),
            "platform": self.platform,
            "connection": self.conn_id,
            "masterUrl": self.master_url,
            "uiUrl": self.ui_url,
            "workersReady": self.workers_ready,
            "resizingSince": self.resizing_since.isoformat() if self.resizing_since else None,
            "owner": self.owner.as_json() if self.owner else None,
            "diagnosis": self.diagnosis.as_json() if self.diagnosis else None,
        }


@dataclass(frozen=True)
class Job:
    """A job as the registry stores it; fields shared with :class:`Cluster` mean the same.

    :param cluster_id: the cluster it runs on.
    :param owns_cluster: the cluster was launched for this job alone and ends with it, unless ``keepAlive``.
    :param exit_code: exit code of the driver or client process; None while it runs and where there is no process.
    :param started_at: when it was first observed running.
    :param ended_at: when its final state began.
    :param savepoint_requested: it is being stopped with a savepoint; True only while it is STOPPING.
    :param savepoint: the folder of the savepoint that it was stopped with.
    :param savepoint_failure: why the last requested savepoint failed.
    :param result: the result that the application returned, as JSON text; None without one.
    """

    id: int
    key: str
    generation: int
    version: int
    deployment: str
    conn_id: str
    spec: JobSpec
    owner: Owner | None
    state: JobState
    created_at: datetime
    state_since: datetime
    cluster_id: int
    owns_cluster: bool = False
    ui_url: str = ""
    exit_code: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    diagnosis: Diagnosis | None = None
    savepoint_requested: bool = False
    savepoint: str = ""
    savepoint_failure: Diagnosis | None = None
    result: str | None = None
    registry_id: str = ""

    @property
    def platform_key(self) -> str:
        """A key that is unique across registries; names and ids of the job outside derive from it."""
        return _platform_key(self.key, self.registry_id)

    def __post_init__(self) -> None:
        _hide_secrets(self, "diagnosis", "savepoint_failure")

    @property
    def savepoint_request(self) -> datetime | None:
        """When the pending savepoint was requested, which identifies the request; None without one."""
        return self.state_since if self.savepoint_requested else None

    @property
    def client(self) -> str:
        """The client of the specification: with the module, what duplicates share."""
        return self.spec.client

    @property
    def module(self) -> str:
        """The module of the specification: with the client, what duplicates share."""
        return self.spec.module

    def __str__(self) -> str:
        return f"job {self.id} ({self.client}/{self.module})"

    def as_json(self) -> dict[str, Any]:
        """The job as a JSON object without secrets: JobsTableEntity's fields, state, times and outcome."""
        return redaction().fields(self.spec.as_json()) | {
            "jobId": self.id,
            "clusterId": self.cluster_id,
            "state": self.state.value,
            "stateSince": self.state_since.isoformat(),
            "createdAt": self.created_at.isoformat(),
            "startedAt": self.started_at.isoformat() if self.started_at else None,
            "endedAt": self.ended_at.isoformat() if self.ended_at else None,
            "connection": self.conn_id,
            "ownsCluster": self.owns_cluster,
            "uiUrl": self.ui_url,
            "exitCode": self.exit_code,
            "owner": self.owner.as_json() if self.owner else None,
            "diagnosis": self.diagnosis.as_json() if self.diagnosis else None,
            "savepointRequested": self.savepoint_requested,
            "savepointTaken": self.savepoint,  # "savepoint" is the one that it started from
            "savepointFailure": self.savepoint_failure.as_json() if self.savepoint_failure else None,
            "result": json.loads(self.result) if self.result is not None else None,
        }


def _platform_key(key: str, registry_id: str) -> str:
    return derived_key(key, f"registry {registry_id}") if registry_id else key


def _hide_secrets(record: Cluster | Job, *names: str) -> None:
    """Redact the secrets of a record's specification in its diagnoses, which quote logs and errors."""
    for name in names:
        diagnosis: Diagnosis | None = getattr(record, name)
        if diagnosis is not None:
            object.__setattr__(record, name, diagnosis.without(record.spec.secret_values))


def parse_states(
    kind: type[State], value: str | State | Iterable[str | State] | None, field: str = "state"
) -> tuple[State, ...] | None:
    """The states that a value names, in any letter case; None for no value, which means every state.

    :param field: the argument's name in the error.
    :raises InvalidSpec: there is no such state; the nearest is named.
    """
    if value is None or value == "":
        return None
    given = [value] if isinstance(value, (str, kind)) else list(value)
    names = [it.value if isinstance(it, kind) else str(it) for it in given]
    known = {state.value: state for state in kind}
    for name in names:
        text = name.upper()
        if text not in known:
            choice = nearest(text, set(known)) or f"; the states are {', '.join(known)}"
            raise InvalidSpec(f"field {field}: there is no state {name!r}{choice}")
    return tuple(known[name.upper()] for name in names)

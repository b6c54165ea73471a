"""What is remembered of a cluster and of a job: immutable records, replaced and never changed in place."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.explain import nearest
from dcluster_provider.core.identity import Owner, derived_key
from dcluster_provider.core.redaction import redaction
from dcluster_provider.core.spec import ClusterSpec, JobSpec

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
        """Nothing of the cluster is left and nothing more will happen to it."""
        return self in (ClusterState.TERMINATED, ClusterState.FAILED)

    @property
    def is_ending(self) -> bool:
        """The cluster is being ended, or has ended."""
        return self.is_final or self is ClusterState.TERMINATING

    @property
    def takes_jobs(self) -> bool:
        """A job can be started on the cluster now."""
        return self in (ClusterState.RUNNING, ClusterState.DEGRADED)


class JobState(str, Enum):
    """The life of a job. UNKNOWN means that its cluster lost it: it may have done its work or not."""

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
        """Nothing more will happen to the job."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.KILLED, JobState.UNKNOWN)


EXTERNAL = "external"
LIVE_JOB_STATES = tuple(state for state in JobState if not state.is_final)


@dataclass(frozen=True)
class Cluster:
    """A cluster as the registry remembers it.

    :param id: assigned by the registry.
    :param key: the request it answers; with ``generation`` it is unique.
    :param generation: 1 for the first cluster of the key, one more for each that replaces a failed one.
    :param version: moves with every save; a save from an older version is refused.
    :param conn_id: the Airflow connection it was launched through.
    :param platform: ``local`` or ``kubernetes``; ``external`` for a cluster that somebody else runs.
    :param owner: the Airflow task that asked, none when a person did.
    :param place: where its platform has made it, in the platform's words; empty when somebody else runs it, or when it
        was made before this was remembered. What it leaves out is added when the cluster is seen.
    :param registry_id: of the registry that it was claimed in; empty when it was before registries had ids.
    :param state_since: when the present state began.
    :param diagnosis: why it has failed; of one that goes on, why it makes no progress.
    :param job_seen_at: when a job last was live on it; its launch before the first.
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
    job_seen_at: datetime
    master_url: str = ""
    ui_url: str = ""
    workers_ready: int = 0
    diagnosis: Diagnosis | None = None
    place: str = ""
    registry_id: str = ""

    @property
    def platform_key(self) -> str:
        """The key that no cluster of another registry has: two Airflows may run the same DAGs."""
        return _platform_key(self.key, self.registry_id)

    def __post_init__(self) -> None:
        _hide_secrets(self, "diagnosis")

    @property
    def is_external(self) -> bool:
        """Whether somebody else runs it: jobs are run on it, and it is neither watched nor ended."""
        return self.platform == EXTERNAL

    @property
    def type(self) -> str:
        """``spark``, ``spark3`` or ``flink``."""
        return self.spec.type

    def __str__(self) -> str:
        return f"cluster {self.id} ({self.name})"

    def as_json(self) -> dict[str, Any]:
        """The cluster as a JSON object without secrets: ClusterEntity's fields and what is known of it."""
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
            "owner": self.owner.as_json() if self.owner else None,
            "diagnosis": self.diagnosis.as_json() if self.diagnosis else None,
        }


@dataclass(frozen=True)
class Job:
    """A job as the registry remembers it; fields shared with :class:`Cluster` mean the same.

    :param cluster_id: the cluster it runs on.
    :param owns_cluster: the cluster was launched for this job alone and ends with it, unless ``keepAlive``.
    :param exit_code: of the driver or client process, none while it runs or when there is no such process.
    :param started_at: when it was first seen running.
    :param ended_at: when its final state began.
    :param savepoint_wanted: it is being stopped with a savepoint; only while it is STOPPING.
    :param savepoint: the folder of the savepoint that it was stopped with.
    :param savepoint_failure: why the savepoint that was wanted last was not made.
    :param result: what the application handed back, as JSON text; none when it has not, or was not asked to.
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
    savepoint_wanted: bool = False
    savepoint: str = ""
    savepoint_failure: Diagnosis | None = None
    result: str | None = None
    registry_id: str = ""

    @property
    def platform_key(self) -> str:
        """The key that no job of another registry has: what the job is known by outside is made of it."""
        return _platform_key(self.key, self.registry_id)

    def __post_init__(self) -> None:
        _hide_secrets(self, "diagnosis", "savepoint_failure")

    @property
    def savepoint_request(self) -> datetime | None:
        """When the savepoint that is wanted now was asked for; none when none is. No two wishes have the same."""
        return self.state_since if self.savepoint_wanted else None

    @property
    def client(self) -> str:
        """Who the job is for."""
        return self.spec.client

    @property
    def module(self) -> str:
        """What the job does."""
        return self.spec.module

    def __str__(self) -> str:
        return f"job {self.id} ({self.client}/{self.module})"

    def as_json(self) -> dict[str, Any]:
        """The job as a JSON object without secrets: JobsTableEntity's fields and what is known of it."""
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
            "savepointWanted": self.savepoint_wanted,
            "savepointTaken": self.savepoint,  # "savepoint" is the one that it started from
            "savepointFailure": self.savepoint_failure.as_json() if self.savepoint_failure else None,
            "result": json.loads(self.result) if self.result is not None else None,
        }


def _platform_key(key: str, registry_id: str) -> str:
    return derived_key(key, f"registry {registry_id}") if registry_id else key


def _hide_secrets(record: Cluster | Job, *names: str) -> None:
    """Take the secrets of a record's own specification out of its explanations: logs and errors echo them."""
    for name in names:
        told: Diagnosis | None = getattr(record, name)
        if told is not None:
            object.__setattr__(record, name, told.without(record.spec.secrets))


def parse_states(
    kind: type[State], value: str | State | Iterable[str | State] | None, field: str = "state"
) -> tuple[State, ...] | None:
    """States from themselves or their names in any letter case; nothing stays nothing and means every state.

    :param field: what the caller calls them, for the error.
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

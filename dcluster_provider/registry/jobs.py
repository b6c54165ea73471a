"""The job store: claims, reads and saves the jobs of the registry."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select, update

from dcluster_provider.core.errors import DuplicateJob
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import LIVE_JOB_STATES, Job, JobState
from dcluster_provider.registry.alerts import make_failure_due
from dcluster_provider.registry.engine import lock
from dcluster_provider.registry.events import add_event
from dcluster_provider.registry.identity import registry_id_of
from dcluster_provider.registry.models import cluster_table
from dcluster_provider.registry.models import job_table as table
from dcluster_provider.registry.queries import chunks, insert_row, latest_of_key, live_rows, page_of
from dcluster_provider.registry.records import (
    Claim,
    RecordStore,
    conditions_of_owner,
    iterate,
    reject_terminating_cluster,
)
from dcluster_provider.registry.rows import job_changes, job_of, job_values

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_LIVE_VALUES = [state.value for state in LIVE_JOB_STATES]
_FINAL_VALUES = [state.value for state in JobState if state.is_final]
_REPEATED = (JobState.FAILED, JobState.KILLED)
_TOUCH_CLUSTER = (
    update(cluster_table)
    .where(cluster_table.c.id == bindparam("cluster"), cluster_table.c.last_used_at < bindparam("seen_at"))
    .values(last_used_at=bindparam("seen_at"))
)
_MAX_DUPLICATES = 20  # read before a job is rejected as one; a client may have thousands of live jobs


class JobStore(RecordStore[Job]):
    """The jobs of a registry."""

    kind = "job"
    table = table
    live_states = LIVE_JOB_STATES
    record_of = staticmethod(job_of)
    changes_of = staticmethod(job_changes)

    def claim(
        self,
        *,
        key: str,
        spec: JobSpec,
        deployment: str,
        conn_id: str,
        owner: Owner | None,
        cluster_id: int,
        owns_cluster: bool,
        now: datetime,
        actor: str = "",
    ) -> Claim[Job]:
        """Claim the job of a request: the one it already has, or a new one.

        A job that is live or has SUCCEEDED is returned for every repetition, and so is an UNKNOWN one, which may have
        done its work. One that FAILED or was KILLED is replaced by one of the next generation.

        :param actor: who requests it, for the event; the owner when empty.
        :returns: the job, and whether this call created it.
        :raises DuplicateJob: a job is live that :meth:`duplicates` names.
        :raises ClusterTerminating: the cluster of a new job is terminating or has ended.
        """
        with self._write() as connection:
            lock(connection, ("job", key), ("module", spec.client, spec.module))
            row = latest_of_key(connection, table, key)
            latest = job_of(row) if row else None
            actor = actor or (str(owner) if owner else "")
            if latest is not None and latest.state not in _REPEATED:
                if not latest.state.is_final:
                    add_event(connection, latest, now, actor, "ADOPTED")
                return Claim(latest, False)
            _reject_duplicate(connection, spec, owner)
            reject_terminating_cluster(connection, cluster_id)
            job = Job(
                id=0,
                key=key,
                generation=latest.generation + 1 if latest else 1,
                version=1,
                deployment=deployment,
                registry_id=registry_id_of(connection),
                conn_id=conn_id,
                spec=spec,
                owner=owner,
                state=JobState.REQUESTED,
                created_at=now,
                state_since=now,
                cluster_id=cluster_id,
                owns_cluster=owns_cluster,
            )
            job = replace(job, id=insert_row(connection, table, job_values(job)))
            add_event(connection, job, now, actor, job.state.value)
            _touch_cluster(connection, cluster_id, now)
            return Claim(job, True)

    def list(
        self,
        *,
        states: Collection[JobState] | None = None,
        client: str | None = None,
        module: str | None = None,
        cluster_id: int | None = None,
        owner_run: tuple[str, str] | None = None,
        owner_dag: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after_id: int = 0,
        limit: int = 1000,
    ) -> list[Job]:
        """A page of jobs, newest first.

        :param states: only jobs in these states; None means all.
        :param owner_run: only jobs that this DAG run (``dag_id``, ``run_id``) submitted.
        :param owner_dag: only jobs that runs of this DAG submitted.
        :param since: only jobs requested at this time or later; ``until`` only those requested before.
        :param after_id: the last id of the previous page; 0 starts with the newest.
        """
        asked = {"client": client, "module": module, "cluster_id": cluster_id}
        filters: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        filters |= conditions_of_owner(owner_run, owner_dag)
        if states is None and filters:
            states = tuple(JobState)
        return self._page(filters, states, after_id=after_id, limit=limit, since=since, until=until)

    def count(self, states: Collection[JobState] | None = None) -> int:
        """The number of jobs in these states; None means all states."""
        query = select(func.count()).select_from(table)
        if states is not None:
            query = query.where(table.c.state.in_([state.value for state in states]))
        with self._read() as connection:
            return int(connection.execute(query).scalar() or 0)

    def iterate(self, **filters: Any) -> Iterator[Job]:
        """All jobs that :meth:`list` returns for these filters, newest first, read page by page."""
        return iterate(lambda last: self.list(**filters, after_id=last))

    def find_duplicate(self, client: str, module: str) -> Job | None:
        """The newest live job of a client and module; None without one."""
        with self._read() as connection:
            rows = _newest_of_module(connection, client, module, 1)
        return job_of(rows[0]) if rows else None

    def duplicates(self, spec: JobSpec, owner: Owner | None) -> builtins.list[Job]:
        """The live jobs that make a new one a duplicate, newest first.

        These are the jobs of its client and module. Unless ``spec`` decides about duplicates, jobs that runs of the
        same task of a DAG requested do not count.

        :param owner: the task that requests the job.
        """
        with self._read() as connection:
            return _duplicates(connection, spec, owner)

    def reject_duplicate(self, spec: JobSpec, owner: Owner | None) -> None:
        """Reject a job that :meth:`claim` would reject, before anything is done for it.

        :raises DuplicateJob: a job is live that :meth:`duplicates` names.
        """
        with self._read() as connection:
            _reject_duplicate(connection, spec, owner)

    def save(self, job: Job, *, actor: str = "", action: str = "", now: datetime | None = None) -> Job:
        """Save the changes of a job, unless another process saved it since it was read.

        A change of state is recorded as an event. The request itself (key, specification, owner) never changes. A job
        that is live, or ends with this save, counts as a use of its cluster.

        :param actor: who changed it, for the event.
        :param action: what was done, for the event; the new state when empty.
        :param now: when the job was observed live; None means the last change of its state.
        :returns: the saved job with its new version.
        :raises StaleRecord: another process saved it first; nothing was changed.
        :raises NotFound: the registry never had it.
        """
        with self._write() as connection:
            saved, stored = self._save(connection, job)
            if stored.state != saved.state.value:
                add_event(connection, saved, saved.state_since, actor, action or saved.state.value)
                make_failure_due(connection, saved)
            if stored.state in _LIVE_VALUES:
                _touch_cluster(connection, saved.cluster_id, now or saved.state_since)
        return saved

    def touch_clusters(self, now: datetime) -> None:
        """Count the clusters of all live jobs as used now, because long-running jobs are seldom saved."""
        live = select(table.c.cluster_id).where(table.c.state.in_(_LIVE_VALUES))
        columns = cluster_table.c
        statement = update(cluster_table).where(columns.id.in_(live), columns.last_used_at < now)
        with self._write() as connection:
            lock(connection, ("touch_clusters",))
            connection.execute(statement, {"last_used_at": now})

    def clusters_with_live(self, cluster_ids: Iterable[int]) -> set[int]:
        """The ids of those clusters that have a live job."""
        found: set[int] = set()
        with self._read() as connection:
            for chunk in chunks(cluster_ids):
                query = select(table.c.cluster_id).where(
                    table.c.cluster_id.in_(chunk), table.c.state.in_(_LIVE_VALUES)
                )
                found.update(connection.execute(query).scalars())
        return found

    def ended_on_own_clusters(self, cluster_ids: Iterable[int]) -> dict[int, Job]:
        """The newest ended job of each cluster that was launched for a job, by the cluster's id."""
        newest: dict[int, Job] = {}
        with self._read() as connection:
            for chunk in chunks(cluster_ids):
                is_owned = (table.c.cluster_id.in_(chunk), table.c.owns_cluster.is_(True))
                query = select(table).where(*is_owned, table.c.state.in_(_FINAL_VALUES)).order_by(table.c.id)
                newest.update({row.cluster_id: job_of(row) for row in connection.execute(query)})
        return newest


def _reject_duplicate(connection: Connection, spec: JobSpec, owner: Owner | None) -> None:
    duplicates = _duplicates(connection, spec, owner)
    if not duplicates:
        return
    live = duplicates[0]
    origin = f", requested by {live.owner}" if live.owner else ""
    raise DuplicateJob(
        f"{live} is {live.state.value}{origin}: a job of the client {spec.client!r} and module {spec.module!r} is live "
        f"already. Wait for it, terminate it (airflow dcluster jobs terminate {live.id})"
    )


def _duplicates(connection: Connection, spec: JobSpec, owner: Owner | None) -> list[Job]:
    if spec.allow_duplicate:
        return []
    if spec.allow_duplicate is not None or owner is None:
        rows = _newest_of_module(connection, spec.client, spec.module, _MAX_DUPLICATES)
    else:
        rows = live_rows(connection, table, {"client": spec.client, "module": spec.module}, LIVE_JOB_STATES)
        task = (owner.deployment, owner.dag_id, owner.task_id)
        rows = [row for row in rows if (row.deployment, row.owner_dag_id, row.owner_task_id) != task]
    return [job_of(row) for row in rows]


def _newest_of_module(connection: Connection, client: str, module: str, limit: int) -> list[Any]:
    filters = {"client": client, "module": module}
    return page_of(connection, table, filters, LIVE_JOB_STATES, after_id=0, limit=limit)


def _touch_cluster(connection: Connection, cluster_id: int, at: datetime) -> None:
    connection.execute(_TOUCH_CLUSTER, {"cluster": cluster_id, "seen_at": at})

"""The jobs of the registry."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select, update

from dcluster_provider.core.errors import DuplicateJob, NotFound, StaleRecord
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.record import Job, JobState
from dcluster_provider.core.spec import JobSpec
from dcluster_provider.registry.alerts import make_failure_due
from dcluster_provider.registry.connected import Claim, Connected
from dcluster_provider.registry.engine import lock
from dcluster_provider.registry.events import add_event
from dcluster_provider.registry.identity import registry_id_of
from dcluster_provider.registry.leases import refuse_ending_cluster
from dcluster_provider.registry.models import cluster_table
from dcluster_provider.registry.models import job_table as table
from dcluster_provider.registry.queries import (
    every_row,
    insert_row,
    latest_of_key,
    live_rows,
    live_rows_of_older_epochs,
    page_of,
    row_of,
    rows_of,
)
from dcluster_provider.registry.rows import job_changes, job_of, job_values

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_LIVE = [state for state in JobState if not state.is_final]
_LIVE_VALUES = [state.value for state in _LIVE]
_REPEATED = (JobState.FAILED, JobState.KILLED)
_SEE_JOB = (
    update(cluster_table)
    .where(cluster_table.c.id == bindparam("cluster"), cluster_table.c.job_seen_at < bindparam("seen_at"))
    .values(job_seen_at=bindparam("seen_at"))
)
_MOST_DUPLICATES = 20  # looked at before a job is refused for one; a client may have thousands at work
_LIST_COMMAND = "see the known ones with: airflow dcluster jobs list"


class JobStore(Connected):
    """The jobs of a registry."""

    def claim_job(
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
        """The job that answers the request: the one it already has, or a new one.

        A job that is live or has SUCCEEDED is the answer however often it is asked for, and so is an UNKNOWN
        one, which may have done its work. One that FAILED or was KILLED is followed by the next generation.

        :param actor: who asks, for the event; the owner when empty.
        :returns: the job, and whether this call made it.
        :raises DuplicateJob: a job is live that :meth:`duplicates` names.
        :raises ClusterEnding: a new job would come to a cluster that is being ended or has ended.
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
            _refuse_duplicate(connection, spec, owner)
            refuse_ending_cluster(connection, cluster_id)
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
            _see_job(connection, cluster_id, now)
            return Claim(job, True)

    def get_job(self, job_id: int) -> Job:
        """The job with this id.

        :raises NotFound: there is none.
        """
        with self._read() as connection:
            row = row_of(connection, table, job_id)
        if row is None:
            raise NotFound(f"There is no job {job_id}; {_LIST_COMMAND}")
        return job_of(row)

    def get_jobs(self, ids: Iterable[int]) -> list[Job]:
        """The jobs with these ids, in their order; an id that no job has is left out."""
        with self._read() as connection:
            return [job_of(row) for row in rows_of(connection, table, ids)]

    def list_jobs(
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

        :param states: only these; none means all.
        :param owner_run: only those that this DAG run (``dag_id``, ``run_id``) submitted.
        :param owner_dag: only those that runs of this DAG submitted.
        :param since: only those asked for then or later; ``until`` only those asked for before.
        :param after_id: the last id of the page before; 0 begins with the newest.
        """
        asked = {"client": client, "module": module, "cluster_id": cluster_id, "owner_dag_id": owner_dag}
        wanted: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        if owner_run is not None:
            wanted |= {"owner_dag_id": owner_run[0], "owner_run_id": owner_run[1]}
        if states is None and wanted:
            states = list(JobState)
        with self._read() as connection:
            rows = page_of(
                connection, table, wanted, states, after_id=after_id, limit=limit, since=since, until=until
            )
        return [job_of(row) for row in rows]

    def count_jobs(self, states: Collection[JobState] | None = None) -> int:
        """How many jobs there are in these states; none means in all."""
        query = select(func.count()).select_from(table)
        if states is not None:
            query = query.where(table.c.state.in_([state.value for state in states]))
        with self._read() as connection:
            return int(connection.execute(query).scalar() or 0)

    def every_job(self, **wanted: Any) -> Iterator[Job]:
        """All jobs that :meth:`list_jobs` lists with these conditions, newest first, read page by page."""
        return every_row(lambda last: self.list_jobs(**wanted, after_id=last))

    def live_jobs_of_older_epochs(self, owner: Owner) -> list[Job]:
        """What the owner's task still has alive from before a person cleared it, newest first."""
        with self._read() as connection:
            rows = live_rows_of_older_epochs(connection, table, owner, _LIVE)
        return [job_of(row) for row in rows]

    def find_duplicate(self, client: str, module: str) -> Job | None:
        """The newest live job of this client and module, or nothing."""
        with self._read() as connection:
            rows = _newest_of_module(connection, client, module, 1)
        return job_of(rows[0]) if rows else None

    def duplicates(self, spec: JobSpec, owner: Owner | None) -> list[Job]:
        """The live jobs, newest first, beside which a job must not be claimed.

        They are of its client and module. Unless ``spec`` says whether there may be others, those that runs of the
        same task of a DAG asked for are none of them.

        :param owner: the task that asks.
        """
        with self._read() as connection:
            return _duplicates(connection, spec, owner)

    def refuse_duplicate(self, spec: JobSpec, owner: Owner | None) -> None:
        """What :meth:`claim_job` would refuse, refused before anything is done for a job.

        :raises DuplicateJob: a job is live that :meth:`duplicates` names.
        """
        with self._read() as connection:
            _refuse_duplicate(connection, spec, owner)

    def latest_job_of_key(self, key: str) -> Job | None:
        """The newest generation of the request's job, ended or not, or nothing."""
        with self._read() as connection:
            row = latest_of_key(connection, table, key)
        return job_of(row) if row else None

    def save_job(self, job: Job, *, actor: str = "", action: str = "", now: datetime | None = None) -> Job:
        """Save what changed of a job, unless somebody else saved it since it was read.

        A change of state is recorded as an event. What was asked for (key, specification, owner) does not change.
        A job that is live, or ends with this save, counts as seen on its cluster.

        :param actor: who did it, for the event.
        :param action: what was done, for the event; the new state when empty.
        :param now: when the job was seen live; the last change of its state when none.
        :returns: the job as saved, with its new version.
        :raises StaleRecord: another process saved it first; nothing was changed.
        :raises NotFound: it was never in this registry.
        """
        with self._write() as connection:
            columns = select(table.c.version, table.c.state).where(table.c.id == job.id)
            stored = connection.execute(columns.with_for_update()).first()
            if stored is None:
                raise NotFound(f"There is no {job}; {_LIST_COMMAND}")
            if stored.version != job.version:
                raise StaleRecord(
                    f"{job} was saved by another process (version {stored.version}, here {job.version}); "
                    "read it again and decide anew"
                )
            saved = replace(job, version=job.version + 1)
            connection.execute(update(table).where(table.c.id == job.id), job_changes(saved))
            if stored.state != saved.state.value:
                add_event(connection, saved, saved.state_since, actor, action or saved.state.value)
                make_failure_due(connection, saved)
            if stored.state in _LIVE_VALUES:
                _see_job(connection, saved.cluster_id, now or saved.state_since)
        return saved

    def see_live_jobs(self, now: datetime) -> None:
        """Count every live job as seen on its cluster now: jobs that run for long are seldom saved."""
        live = select(table.c.cluster_id).where(table.c.state.in_(_LIVE_VALUES))
        columns = cluster_table.c
        statement = update(cluster_table).where(columns.id.in_(live), columns.job_seen_at < now)
        with self._write() as connection:
            lock(connection, ("see_live_jobs",))
            connection.execute(statement, {"job_seen_at": now})


def _refuse_duplicate(connection: Connection, spec: JobSpec, owner: Owner | None) -> None:
    duplicates = _duplicates(connection, spec, owner)
    if not duplicates:
        return
    live = duplicates[0]
    origin = f", asked for by {live.owner}" if live.owner else ""
    raise DuplicateJob(
        f"{live} is {live.state.value}{origin}: the client {spec.client!r} has its module {spec.module!r} at work "
        f"already. Wait for it, terminate it (airflow dcluster jobs terminate {live.id})"
    )


def _duplicates(connection: Connection, spec: JobSpec, owner: Owner | None) -> list[Job]:
    if spec.allow_duplicate:
        return []
    if spec.allow_duplicate is not None or owner is None:
        rows = _newest_of_module(connection, spec.client, spec.module, _MOST_DUPLICATES)
    else:
        rows = live_rows(connection, table, {"client": spec.client, "module": spec.module}, _LIVE)
        task = (owner.deployment, owner.dag_id, owner.task_id)
        rows = [row for row in rows if (row.deployment, row.owner_dag_id, row.owner_task_id) != task]
    return [job_of(row) for row in rows]


def _newest_of_module(connection: Connection, client: str, module: str, limit: int) -> list[Any]:
    wanted = {"client": client, "module": module}
    return page_of(connection, table, wanted, _LIVE, after_id=0, limit=limit)


def _see_job(connection: Connection, cluster_id: int, at: datetime) -> None:
    connection.execute(_SEE_JOB, {"cluster": cluster_id, "seen_at": at})

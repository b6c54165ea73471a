"""Upkeep with an Airflow at hand: it knows the states of owners, and its notifiers tell people.

In a task or trigger Airflow answers through its task interface; a command reads Airflow's own database, as Airflow's
commands do.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from dcluster_provider.control.upkeep.maintenance_run import GONE, OwnerState
from dcluster_provider.control.upkeep.report import MaintenanceReport
from dcluster_provider.control.upkeep.upkeep import UNKNOWN_AFTER, Upkeep
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.record import Job

if TYPE_CHECKING:
    from airflow.sdk import BaseNotifier

    from dcluster_provider.control.nodes.nodes import Nodes

_LOG = logging.getLogger(__name__)
_LIVE_RUNS = ["queued", "running"]
_RUNS_AT_ONCE = 50  # their ids have to fit into an address


class HookUpkeep:
    """What is done every few minutes for the clusters and jobs of one connection; each call is one pass."""

    def __init__(self, upkeep: Upkeep, nodes: Nodes) -> None:
        self._upkeep = upkeep
        self._nodes = nodes

    def check_clusters(
        self, *, dry_run: bool = False, unknown_after: float = UNKNOWN_AFTER
    ) -> MaintenanceReport:
        """Bring registry and platform into line, and end what is due to be ended.

        :param dry_run: change nothing at all, and tell what would be done by what the registry knows.
        :param unknown_after: seconds for which a cluster on the platform that the registry does not know is only
            remembered; a pass after that removes it.
        :raises PlatformUnavailable: the platform's clusters cannot be listed; nothing was changed.
        """
        return self._upkeep.check_clusters(owner_states, dry_run=dry_run, unknown_after=unknown_after)

    def cleanup_nodes(self, *, dry_run: bool = False) -> MaintenanceReport:
        """Give back the machines that nothing has used for a while: one pass finds them, a later one gives them back.

        :param dry_run: change nothing at all, and tell what would be done.
        :raises PlatformUnavailable: the cloud, the nodes or the pods could not be listed whole; nothing was changed.
        """
        return self._nodes.clean_up(dry_run=dry_run)

    def alert_long_running(
        self, *, dry_run: bool = False, notifiers: Sequence[BaseNotifier] = ()
    ) -> MaintenanceReport:
        """Tell of jobs that run longer than their client's threshold, and of failures that nobody could tell of yet.

        A job's emailRecipients are told by mail, everybody else by the configured notifier and those given.

        :param dry_run: tell nobody and change nothing; the report says what would be told.
        :param notifiers: of Airflow; ``alert`` is in the context that they are called with.
        :raises InvalidSpec: the configured notifier cannot be made; nobody was told.
        """
        from dcluster_provider.hooks.delivery import NotifierDelivery

        return self._upkeep.alert_long_running(NotifierDelivery(notifiers), dry_run=dry_run)

    def notify_failure(self, job: Job) -> None:
        """Tell a failed job's emailRecipients, unless they were told; that it cannot be told fails nothing else."""
        if not job.spec.email_recipients:
            return
        from dcluster_provider.hooks.delivery import NotifierDelivery

        try:
            report = self._upkeep.notify_failure(job, NotifierDelivery())
        except Exception:  # noqa: BLE001  # the job's own failure is what matters
            _LOG.warning("Nobody could be told of the failure of %s", job, exc_info=True)
        else:
            _LOG.info("%s", report)


class _Airflow(Protocol):
    """What can be asked of Airflow for one DAG."""

    def run_states(self, dag_id: str, run_ids: Sequence[str]) -> dict[str, str]:
        """The state of each run; ``gone`` for one that there is not."""

    def task_states(
        self, dag_id: str, task_ids: Sequence[str], run_ids: Sequence[str]
    ) -> Mapping[str, Mapping[str, Any]]:
        """The states of tasks by run, each named by its id, with ``_`` and the index when it is mapped."""


def owner_states(owners: Collection[Owner]) -> dict[Owner, OwnerState]:
    """What Airflow knows of owners; those of a DAG that it cannot be asked about are left out."""
    airflow: _Airflow = _TaskInterface() if _in_task() else _Database()
    known: dict[Owner, OwnerState] = {}
    for dag_id, group in _by_dag(owners).items():
        for runs in _chunks({owner.run_id for owner in group}):
            asked = [owner for owner in group if owner.run_id in runs]
            try:
                known |= _ask(airflow, dag_id, runs, asked)
            except Exception:  # noqa: BLE001  # whatever it is, these states are unknown
                _LOG.warning("Airflow does not tell the states of runs of %s", dag_id, exc_info=True)
    return known


def _ask(
    airflow: _Airflow, dag_id: str, runs: Sequence[str], owners: Sequence[Owner]
) -> dict[Owner, OwnerState]:
    run_states = airflow.run_states(dag_id, runs)
    task_states = airflow.task_states(dag_id, sorted({owner.task_id for owner in owners}), runs)
    return {
        owner: OwnerState(run_states.get(owner.run_id), _task_state(task_states.get(owner.run_id, {}), owner))
        for owner in owners
    }


def _task_state(states: Mapping[str, Any], owner: Owner) -> str | None:
    name = owner.task_id if owner.map_index < 0 else f"{owner.task_id}_{owner.map_index}"
    state = states.get(name)
    return None if state is None else str(getattr(state, "value", state))


class _TaskInterface:
    """Airflow as a task sees it."""

    def run_states(self, dag_id: str, run_ids: Sequence[str]) -> dict[str, str]:
        """One call when all of them are live, and few for each that is not."""
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        live = RuntimeTaskInstance.get_dr_count(dag_id=dag_id, run_ids=list(run_ids), states=_LIVE_RUNS)
        if live == len(run_ids):
            return dict.fromkeys(run_ids, "running")
        if len(run_ids) > 1:
            middle = len(run_ids) // 2
            return self.run_states(dag_id, run_ids[:middle]) | self.run_states(dag_id, run_ids[middle:])
        (run_id,) = run_ids
        if not RuntimeTaskInstance.get_dr_count(dag_id=dag_id, run_ids=[run_id]):
            return {run_id: GONE}
        return {run_id: str(RuntimeTaskInstance.get_dagrun_state(dag_id, run_id))}

    def task_states(
        self, dag_id: str, task_ids: Sequence[str], run_ids: Sequence[str]
    ) -> Mapping[str, Mapping[str, Any]]:
        """One call."""
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        return RuntimeTaskInstance.get_task_states(
            dag_id=dag_id, task_ids=list(task_ids), run_ids=list(run_ids)
        )


class _Database:
    """Airflow's own database, as its commands read it."""

    def run_states(self, dag_id: str, run_ids: Sequence[str]) -> dict[str, str]:
        """One query."""
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session
        from sqlalchemy import select

        query = select(DagRun.run_id, DagRun.state).where(DagRun.dag_id == dag_id, DagRun.run_id.in_(run_ids))
        with create_session() as session:
            found = {run_id: str(getattr(state, "value", state)) for run_id, state in session.execute(query)}
        return dict.fromkeys(run_ids, GONE) | found

    def task_states(
        self, dag_id: str, task_ids: Sequence[str], run_ids: Sequence[str]
    ) -> Mapping[str, Mapping[str, Any]]:
        """One query."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session
        from sqlalchemy import select

        columns = (TaskInstance.run_id, TaskInstance.task_id, TaskInstance.map_index, TaskInstance.state)
        query = select(*columns).where(
            TaskInstance.dag_id == dag_id,
            TaskInstance.task_id.in_(task_ids),
            TaskInstance.run_id.in_(run_ids),
        )
        states: dict[str, dict[str, Any]] = {}
        with create_session() as session:
            for run_id, task_id, map_index, state in session.execute(query):
                name = task_id if map_index < 0 else f"{task_id}_{map_index}"
                states.setdefault(run_id, {})[name] = state
        return states


def _in_task() -> bool:
    from airflow.sdk.execution_time import task_runner

    return hasattr(task_runner, "SUPERVISOR_COMMS")


def _by_dag(owners: Iterable[Owner]) -> dict[str, list[Owner]]:
    groups: dict[str, list[Owner]] = {}
    for owner in owners:
        groups.setdefault(owner.dag_id, []).append(owner)
    return groups


def _chunks(run_ids: Iterable[str]) -> Iterable[list[str]]:
    wanted = sorted(run_ids)
    return (wanted[start : start + _RUNS_AT_ONCE] for start in range(0, len(wanted), _RUNS_AT_ONCE))

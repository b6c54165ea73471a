"""The states of the DAG runs and tasks that asked for clusters and jobs, asked of Airflow many at a time.

In a task or trigger Airflow answers through its task interface; a command reads Airflow's own database, as Airflow's
commands do.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from dcluster_provider.control.upkeep.maintenance_run import GONE, OwnerState
from dcluster_provider.core.identity import Owner

_LOG = logging.getLogger(__name__)
_LIVE_RUNS = ["queued", "running"]
_RUNS_AT_ONCE = 50  # their ids have to fit into an address


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

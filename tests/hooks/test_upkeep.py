"""What is asked of Airflow, and how often; what it answers for real is seen in tests/live/test_upkeep.py."""

from __future__ import annotations

import pytest
from airflow.sdk.execution_time import task_runner

from dcluster_provider.control.upkeep.maintenance_run import GONE, OwnerState
from dcluster_provider.core.identity import Owner
from dcluster_provider.hooks.upkeep import owner_states


class TaskInterface:
    """Answers as Airflow's API does to a task."""

    def __init__(self, runs, tasks=None):
        self.runs, self.tasks, self.calls = runs, tasks or {}, []

    def get_dr_count(self, dag_id, run_ids, states=None):
        self.calls.append(("count", len(run_ids)))
        if dag_id == "forbidden":
            raise PermissionError(dag_id)
        return sum(run in self.runs and (not states or self.runs[run] in states) for run in run_ids)

    def get_dagrun_state(self, dag_id, run_id):
        self.calls.append(("state", 1))
        return self.runs[run_id]

    def get_task_states(self, dag_id, task_ids, run_ids):
        self.calls.append(("tasks", len(run_ids)))
        return {run: states for run, states in self.tasks.items() if run in run_ids}


@pytest.fixture
def install(monkeypatch):
    def put(interface):
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", object(), raising=False)
        for name in ("get_dr_count", "get_dagrun_state", "get_task_states"):
            monkeypatch.setattr(task_runner.RuntimeTaskInstance, name, staticmethod(getattr(interface, name)))
        return interface

    return put


def owner(run_id, dag_id="dag", map_index=-1):
    return Owner("airflow", dag_id, run_id, "task", map_index)


def test_live_runs_of_a_dag_cost_two_calls_for_fifty_of_them(install):
    runs = [f"run{number}" for number in range(100)]
    interface = install(TaskInterface(dict.fromkeys(runs, "running")))
    states = owner_states([owner(run) for run in runs])
    assert set(states.values()) == {OwnerState("running")}
    assert sorted(interface.calls) == [("count", 50), ("count", 50), ("tasks", 50), ("tasks", 50)]


def test_runs_that_are_over_or_gone_are_found_among_live_ones(install):
    runs = {f"run{number:02d}": "running" for number in range(32)} | {"run07": "failed", "run08": "success"}
    interface = install(TaskInterface(runs, {"run07": {"task": "failed"}, "run00": {"task_3": "deferred"}}))
    asked = [owner(run) for run in runs] + [owner("gone"), owner("run00", map_index=3)]
    states = owner_states(asked)
    assert states[owner("run07")] == OwnerState("failed", "failed")
    assert states[owner("run08")] == OwnerState("success", None)
    assert states[owner("gone")] == OwnerState(GONE, None)
    assert states[owner("run00", map_index=3)] == OwnerState("running", "deferred")
    assert len([it for it in asked if not states[it].run_is_over]) == len(asked) - 3
    assert len(interface.calls) < 40


def test_a_dag_that_airflow_does_not_tell_of_is_left_out_and_no_other_one(install):
    install(TaskInterface({"run": "success"}))
    states = owner_states([owner("run"), owner("run", "forbidden")])
    assert states == {owner("run"): OwnerState("success", None)}

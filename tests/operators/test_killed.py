"""What becomes of what a task asked for when its process is killed: Airflow's state of the task says why it was."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowTaskTerminated

from dcluster_provider.core.identity import Owner
from dcluster_provider.operators.ownership import DClusterOperator, ends_own_when_killed

OWNER = Owner("data", "dag", "run", "task")
CONTEXT = {"ti": SimpleNamespace(dag_id="dag", run_id="run", task_id="task", map_index=-1)}


class Killed(DClusterOperator):
    """Is killed in the middle of its work."""

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.ended: list[Owner] = []

    @ends_own_when_killed
    def execute(self, context):
        self.on_kill()

    def task_owner(self, context):
        return OWNER

    def end_own(self, owner, why):
        self.ended.append(owner)


@pytest.fixture
def airflow_says(monkeypatch):
    """Airflow's answer to the question for the task's state."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    def say(answer):
        monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(answer))

    return say


@pytest.mark.parametrize(
    "state", ["running", "up_for_retry", "scheduled", "queued", "deferred", "up_for_reschedule", None]
)
def test_it_is_left_to_the_try_that_runs_or_follows(airflow_says, state):
    airflow_says(lambda **_: {"run": {"task": state}})
    operator = Killed(task_id="task")
    with pytest.raises(SystemExit):
        operator.execute(CONTEXT)
    assert operator.ended == []


@pytest.mark.parametrize("state", ["success", "failed", "skipped", "upstream_failed", "removed"])
def test_it_is_ended_when_a_person_has_marked_the_task(airflow_says, state):
    airflow_says(lambda **_: {"run": {"task": state}})
    operator = Killed(task_id="task")
    with pytest.raises(AirflowTaskTerminated):
        operator.execute(CONTEXT)
    assert operator.ended == [OWNER]


def test_it_is_ended_when_a_person_has_cleared_the_running_task(airflow_says):
    """Airflow may make a mere retry of such a task, which would adopt it."""
    airflow_says(lambda **_: {"run": {"task": "restarting"}})
    operator = Killed(task_id="task")
    with pytest.raises(AirflowTaskTerminated):
        operator.execute(CONTEXT)
    assert operator.ended == [OWNER]


@pytest.mark.parametrize("answer", [{}, {"run": {}}])
def test_it_is_ended_when_the_task_is_gone(airflow_says, answer):
    airflow_says(lambda **_: answer)
    operator = Killed(task_id="task")
    with pytest.raises(AirflowTaskTerminated):
        operator.execute(CONTEXT)
    assert operator.ended == [OWNER]


def test_it_is_ended_when_airflow_does_not_answer(airflow_says):
    def answer(**_):
        raise ConnectionError

    airflow_says(answer)
    operator = Killed(task_id="task")
    with pytest.raises(AirflowTaskTerminated):
        operator.execute(CONTEXT)
    assert operator.ended == [OWNER]


@pytest.mark.parametrize(("map_index", "asked"), [(-1, None), (None, None), (3, 3)])
def test_a_mapped_task_asks_for_itself(airflow_says, map_index, asked):
    asked_for = []

    def answer(map_index, **_):
        asked_for.append(map_index)
        return {"run": {"task_3": "up_for_retry"}}

    airflow_says(answer)
    with pytest.raises(SystemExit):
        Killed(task_id="task").execute(
            {"ti": SimpleNamespace(**{**vars(CONTEXT["ti"]), "map_index": map_index})}
        )
    assert asked_for == [asked]

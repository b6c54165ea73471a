"""Which tries of a task are one request: Airflow's own clears, retries and deployments, on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace

import pytest

from dcluster_provider.hooks.owner import owner_of
from dcluster_provider.registry.store import Registry

DAG_ID = "epochs"
FILE = """
from airflow.sdk import DAG, BaseOperator

with DAG({dag_id!r}, schedule=None):
    BaseOperator(task_id="task", retries={retries})
    BaseOperator(task_id="other")
    BaseOperator.partial(task_id="mapped", retries={retries}).expand(doc=["a", "b"])
"""
_runs = count()


@pytest.fixture(scope="module")
def airflow_database(database_of_this_process):
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    DagBundlesManager().sync_bundles_to_db()


class Run:
    """A run of the DAG, whose scheduler is a test."""

    def __init__(self, folder, registry: Registry, retries: int) -> None:
        from airflow.api.common.trigger_dag import trigger_dag
        from airflow.utils.types import DagRunTriggeredByType

        self._folder = folder
        self._hook = SimpleNamespace(
            settings=SimpleNamespace(deployment="data"), control=SimpleNamespace(registry=registry)
        )
        self.deploy(retries)
        self.id = f"run{next(_runs)}"
        trigger_dag(dag_id=DAG_ID, run_id=self.id, triggered_by=DagRunTriggeredByType.TEST)

    def deploy(self, retries: int) -> None:
        """The DAG as the DAG processor stores it from a bundle without versions."""
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

        folder = self._folder / str(next(_runs))
        folder.mkdir()
        (folder / "dag.py").write_text(FILE.format(dag_id=DAG_ID, retries=retries))
        bag = DagBag(str(folder), bundle_path=folder)
        assert bag.import_errors == {}
        sync_bag_to_db(bag, "dags-folder", None)
        self.retries = retries

    @contextmanager
    def task(self, task_id: str = "task", map_index: int = -1) -> Iterator:
        """The task instance, the run, and a session with both."""
        from airflow.models.dagbag import DBDagBag
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            run = session.scalars(select(DagRun).filter_by(dag_id=DAG_ID, run_id=self.id)).one()
            run.dag = DBDagBag().get_latest_version_of_dag(DAG_ID, session=session)
            ti = run.get_task_instance(task_id, session=session, map_index=map_index)
            ti.task = run.dag.get_task(task_id)
            yield ti, run, session

    def begin(self, task_id: str = "task", map_index: int = -1) -> int:
        """Have the next try begin; its epoch."""
        from airflow.utils.state import DagRunState, TaskInstanceState

        with self.task(task_id, map_index) as (ti, run, session):
            run.state = DagRunState.RUNNING
            ti.start_date = None
            run.schedule_tis([ti], session=session)
        with self.task(task_id, map_index) as (ti, _, _):
            assert ti.state == TaskInstanceState.SCHEDULED
            ti.state = TaskInstanceState.RUNNING
        return self.epoch(task_id, map_index)

    def epoch(self, task_id: str = "task", map_index: int = -1) -> int:
        """The epoch of the present try, as a process of it finds it."""
        with self.task(task_id, map_index) as (ti, run, _):
            names = ("dag_id", "run_id", "task_id", "map_index", "try_number", "max_tries")
            context = {
                "ti": SimpleNamespace(**{name: getattr(ti, name) for name in names}),
                "task": SimpleNamespace(retries=self.retries),
                "dag_run": SimpleNamespace(clear_number=run.clear_number),
            }
        return owner_of(context, self._hook).epoch

    def end(self, state: str, task_id: str = "task", map_index: int = -1) -> None:
        """Have the present try succeed, defer or wait; the run is over when it has succeeded."""
        with self.task(task_id, map_index) as (ti, run, _):
            ti.state = state
            run.state = "success" if state == "success" else run.state

    def fail(self, task_id: str = "task", map_index: int = -1) -> str:
        """Have the present try fail; the state that Airflow gives its task then."""
        with self.task(task_id, map_index) as (ti, _, session):
            ti.handle_failure("it failed", session=session)
        with self.task(task_id, map_index) as (ti, _, _):
            return ti.state

    def clear(self, task_id: str = "task", map_index: int = -1, **how) -> str | None:
        """Clear the task as a person does; the state that Airflow gives it then."""
        from airflow.models.taskinstance import clear_task_instances

        with self.task(task_id, map_index) as (ti, _, session):
            clear_task_instances([ti], session, **how)
        with self.task(task_id, map_index) as (ti, _, _):
            return ti.state

    def report(self, state: str) -> str | None:
        """Have the executor tell how the process of the present try ended; the state of its task then."""
        from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
        from airflow.models.dagbag import DBDagBag

        with self.task() as (ti, _, session):
            executor = SimpleNamespace(
                get_event_buffer=lambda: {ti.key: (state, None)},
                has_task=lambda _: False,
                send_callback=lambda _: None,
            )
            SchedulerJobRunner.process_executor_events(executor, None, DBDagBag(), session)
        with self.task() as (ti, _, _):
            return ti.state


@pytest.fixture
def run(airflow_database, tmp_path, monkeypatch):
    """A run of the DAG with so many retries."""
    monkeypatch.setenv("AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL", "0")
    monkeypatch.setattr("airflow.settings.MIN_SERIALIZED_DAG_UPDATE_INTERVAL", 0, raising=False)
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    return lambda retries: Run(tmp_path, registry, retries)


@pytest.mark.parametrize("retries", [(3, 1), (3, 2), (1, 3), (1, 0), (2, 2)])
def test_a_retry_stays_in_its_epoch_whatever_retries_are_deployed_meanwhile(run, retries):
    before, after = retries
    task = run(before)
    first = task.begin()
    assert task.fail() == "up_for_retry"
    task.deploy(after)
    assert task.begin() == task.epoch() == first
    task.end("deferred")
    task.deploy(before)
    assert task.epoch() == first


@pytest.mark.parametrize("retries", [(3, 3), (3, 2), (3, 1), (2, 0), (1, 0), (0, 0), (0, 3)])
def test_each_clear_begins_an_epoch_whatever_retries_are_deployed_before(run, retries):
    before, after = retries
    task = run(before)
    epochs = [task.begin()]
    for _ in range(4):
        task.end("success")
        task.deploy(after)
        task.clear()
        epochs.append(task.begin())
        if after:
            assert task.fail() == "up_for_retry"
            assert task.begin() == epochs[-1]
    assert epochs == sorted(set(epochs))


def test_a_retry_after_a_clear_stays_in_its_epoch_whatever_retries_are_deployed_meanwhile(run):
    task = run(3)
    first = task.begin()
    task.end("success")
    task.clear()
    second = task.begin()
    assert second > first
    for retries in (1, 2, 5):
        assert task.fail() == "up_for_retry"
        task.deploy(retries)
        assert task.begin() == second


@pytest.mark.parametrize("state", ["up_for_retry", "deferred", "up_for_reschedule", "queued", "failed"])
def test_a_clear_between_two_tries_begins_an_epoch(run, state):
    task = run(2)
    first = task.begin()
    task.end(state)
    assert task.clear() is None
    assert task.begin() > first


def test_a_clear_after_several_tries_begins_an_epoch(run):
    task = run(2)
    first = task.begin()
    task.fail()
    task.begin()
    task.fail()
    assert task.begin() == first
    assert task.fail() == "failed"
    task.clear()
    assert task.begin() > first


def test_two_clears_without_a_try_between_them_begin_one_epoch(run):
    task = run(1)
    first = task.begin()
    task.end("success")
    task.clear()
    task.clear()
    second = task.begin()
    task.fail()
    assert first < second == task.begin()


def test_a_clear_before_the_first_try_changes_nothing(run):
    task = run(1)
    task.clear()
    first = task.begin()
    task.fail()
    assert task.begin() == first


@pytest.mark.parametrize("retries", [0, 2])
def test_a_clear_of_a_running_task_begins_an_epoch_once_its_process_has_ended(run, retries):
    task = run(retries)
    first = task.begin()
    assert task.clear() == "restarting"
    assert task.epoch() == first
    assert task.report("success") is None
    assert task.begin() > first


@pytest.mark.parametrize("retries", [0, 2])
def test_a_cleared_running_task_that_is_lost_is_tried_again(run, retries):
    """Airflow makes a retry of it: that is why the process that is killed ends what it asked for."""
    task = run(retries)
    task.begin()
    assert task.clear() == "restarting"
    assert task.report("failed") == "up_for_retry"


def test_a_clear_that_airflow_refuses_changes_nothing(run):
    task = run(1)
    first = task.begin()
    with pytest.raises(Exception, match="prevent_running_task"):
        task.clear(prevent_running_task=True)
    task.fail()
    assert task.begin() == first


def test_a_clear_that_leaves_the_state_of_the_run_begins_an_epoch(run):
    task = run(1)
    first = task.begin()
    task.end("failed")
    task.clear(dag_run_state=False)
    assert task.begin() > first


def test_a_clear_of_another_task_begins_no_epoch(run):
    task = run(2)
    first = task.begin()
    task.begin("other")
    task.end("success", "other")
    task.clear("other")
    task.fail()
    assert task.begin() == first


def test_mapped_tasks_have_epochs_of_their_own(run):
    task = run(2)
    first, second = task.begin("mapped", 0), task.begin("mapped", 1)
    assert task.fail("mapped", 0) == "up_for_retry"
    task.end("success", "mapped", 1)
    task.deploy(4)
    task.clear("mapped", 1)
    assert task.begin("mapped", 0) == first
    assert task.begin("mapped", 1) > second


def test_a_process_that_hangs_on_finds_its_own_epoch(run):
    task = run(0)
    first = task.begin()
    with task.task() as (ti, _, _):
        old = SimpleNamespace(
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=ti.map_index,
            try_number=ti.try_number,
            max_tries=ti.max_tries,
        )
    task.end("success")
    task.clear()
    assert task.begin() > first
    assert owner_of({"ti": old, "task": SimpleNamespace(retries=0)}, task._hook).epoch == first

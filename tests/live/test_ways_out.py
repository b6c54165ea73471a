"""A person ends a task on a live Airflow, while it runs and while it is deferred: what it asked for goes with it."""

from __future__ import annotations

import time
from itertools import product

import pytest
from hanging import HANG_SECONDS, wait_until

from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState
from tests.live.trials import long_except, on_both_platforms

pytestmark = [on_both_platforms]
PATHS = ["running", "deferred"]
TABLE = "from a person's act to the end of what it concerns"


@pytest.fixture(scope="module")
def shared(live_airflow) -> Cluster:
    control = live_airflow.control
    cluster = control.clusters.launch(
        {"tenant": "shared", "workers": 1, "workerCpu": "8", "longLiving": True}
    )
    return control.clusters.wait(cluster.id, timeout=HANG_SECONDS)


def start(live_airflow, dag_id: str, conf: dict | None = None) -> str:
    assert wait_until(lambda: live_airflow.rest.has_dag(dag_id))
    live_airflow.rest.unpause(dag_id)
    return live_airflow.rest.trigger(dag_id, conf or {})


def owned(records, dag_id: str, run_id: str) -> list:
    return [it for it in records if it.owner and (it.owner.dag_id, it.owner.run_id) == (dag_id, run_id)]


def clusters_of(live_airflow, dag_id: str, run_id: str) -> list[Cluster]:
    return owned(live_airflow.control.clusters.list(), dag_id, run_id)


def jobs_of(live_airflow, dag_id: str, run_id: str) -> list[Job]:
    return owned(live_airflow.control.jobs.list(), dag_id, run_id)


def task_state(live_airflow, dag_id: str, run_id: str) -> str:
    (task,) = live_airflow.rest.tasks(dag_id, run_id)
    return task["state"]


def job_state(live_airflow, job: Job) -> JobState:
    """As it is now: where an end takes its time, whoever looks next records it."""
    return live_airflow.control.jobs.observe([job.id])[job.id].state


def end_as(live_airflow, action: str, dag_id: str, run_id: str) -> None:
    if action == "clear":
        live_airflow.rest.clear_task(dag_id, run_id, "task")
    else:
        live_airflow.rest.mark_task(dag_id, run_id, "task", "failed")


@pytest.mark.parametrize(
    ("action", "path"),
    long_except([("mark failed", "deferred")], product(["mark failed", "clear"], PATHS)),
)
def test_launch_that_a_person_ends_leaves_no_cluster(live_airflow, path, action):
    dag_id = f"ended_launch_{path}"
    resources = live_airflow.resources_that_do_not_come()
    run_id = start(live_airflow, dag_id, {"resources": str(resources)})
    assert wait_until(lambda: clusters_of(live_airflow, dag_id, run_id))
    (first,) = clusters_of(live_airflow, dag_id, run_id)
    assert wait_until(lambda: live_airflow.waits(path, dag_id, run_id))
    resources.unlink()
    resources.write_text("[]")  # for the worker of the next launch, if there is one
    end_as(live_airflow, action, dag_id, run_id)
    assert_cluster_goes(live_airflow, first)
    if action == "clear":
        assert wait_until(lambda: len(clusters_of(live_airflow, dag_id, run_id)) == 2)
        newest = clusters_of(live_airflow, dag_id, run_id)[0]
        assert newest.owner.epoch > first.owner.epoch
        assert wait_until(lambda: task_state(live_airflow, dag_id, run_id) == "success")
        live_airflow.control.clusters.terminate(newest.id)


@pytest.mark.parametrize(
    ("where", "action", "path"),
    long_except(
        [
            ("shared cluster", "clear", "deferred"),
            ("own cluster", "mark failed", "running"),
        ],
        product(["shared cluster", "own cluster"], ["mark failed", "clear"], PATHS),
    ),
)
def test_job_that_a_person_ends_stops_and_a_shared_cluster_stays(live_airflow, shared, path, action, where):
    dag_id = f"ended_job_{path}" if where == "shared cluster" else f"ended_job_with_own_cluster_{path}"
    run_id = start(live_airflow, dag_id, {"cluster_id": shared.id})

    def at_work() -> bool:
        return [job.state for job in jobs_of(live_airflow, dag_id, run_id)] == [JobState.RUNNING]

    assert wait_until(at_work)
    assert wait_until(lambda: live_airflow.waits(path, dag_id, run_id))
    (first,) = jobs_of(live_airflow, dag_id, run_id)
    end_as(live_airflow, action, dag_id, run_id)
    assert_job_ends(live_airflow, first)
    if first.owns_cluster:
        assert_cluster_goes(live_airflow, live_airflow.control.clusters.get(first.cluster_id))
    assert live_airflow.control.clusters.status(shared.id) is ClusterState.RUNNING
    if action == "clear":
        assert wait_until(lambda: len(jobs_of(live_airflow, dag_id, run_id)) == 2)
        again = jobs_of(live_airflow, dag_id, run_id)[0]
        assert wait_until(lambda: job_state(live_airflow, again) is JobState.RUNNING)
        assert wait_until(lambda: live_airflow.waits(path, dag_id, run_id))
        end_as(live_airflow, "mark failed", dag_id, run_id)
        assert wait_until(lambda: job_state(live_airflow, again).is_final)


@pytest.mark.parametrize("path", long_except(["deferred"], PATHS))
def test_execution_timeout_stops_the_job_on_both_paths(live_airflow, shared, path):
    dag_id = f"late_job_{path}"
    run_id = start(live_airflow, dag_id, {"cluster_id": shared.id})
    assert wait_until(lambda: task_state(live_airflow, dag_id, run_id) == "failed")
    (job,) = jobs_of(live_airflow, dag_id, run_id)
    assert_job_ends(live_airflow, job)
    assert live_airflow.control.clusters.status(shared.id) is ClusterState.RUNNING


def test_retry_after_success_takes_the_answer_and_a_clear_runs_the_job_again(live_airflow, shared):
    dag_id = "succeeds_then_fails"
    run_id = start(live_airflow, dag_id, {"cluster_id": shared.id})
    # The scheduler's end of a run, a moment after its last task's, would win over a clear that arrives in between.
    assert wait_until(lambda: live_airflow.rest.run_state(dag_id, run_id) == "success")
    ran = live_airflow.work / f"{run_id}.ran"
    assert ran.read_text().count("ran") == 1
    assert [job.state for job in jobs_of(live_airflow, dag_id, run_id)] == [JobState.SUCCEEDED]
    live_airflow.rest.clear_task(dag_id, run_id, "task")
    assert wait_until(lambda: len(jobs_of(live_airflow, dag_id, run_id)) == 2)
    assert wait_until(lambda: task_state(live_airflow, dag_id, run_id) == "success")
    assert ran.read_text().count("ran") == 2


@pytest.mark.long
def test_two_tasks_that_claim_the_same_key_at_once_get_one_cluster(live_airflow):
    run_id = start(live_airflow, "same_key")
    rest = live_airflow.rest
    assert wait_until(lambda: rest.run_state("same_key", run_id) in {"success", "failed"})
    (cluster,) = clusters_of(live_airflow, "same_key", run_id)
    assert rest.run_state("same_key", run_id) == "success"
    live_airflow.control.clusters.terminate(cluster.id)


def assert_job_ends(live_airflow, job: Job) -> None:
    began = time.monotonic()
    assert wait_until(lambda: job_state(live_airflow, job) is JobState.KILLED)
    live_airflow.tables.add(TABLE, f"{time.monotonic() - began:5.1f} s  {job}")


def assert_cluster_goes(live_airflow, cluster: Cluster) -> None:
    control = live_airflow.control
    began = time.monotonic()
    assert wait_until(lambda: control.clusters.status(cluster.id) is ClusterState.TERMINATED)
    live_airflow.tables.add(TABLE, f"{time.monotonic() - began:5.1f} s  {cluster}")
    assert cluster.name not in control.platform.list_clusters()

"""Functions that run on Spark and groups with a cluster of their own, on a live Airflow."""

from __future__ import annotations

import pytest
from hanging import wait_until

from dcluster_provider.core.record import ClusterState
from tests.live.trials import long_except, on_both_platforms

pytestmark = [on_both_platforms]


def run(live_airflow, dag_id: str, conf: dict | None = None) -> tuple[str, str]:
    """Run a DAG to its end; returns the run's id and state."""
    rest = live_airflow.rest
    assert wait_until(lambda: rest.has_dag(dag_id))
    rest.unpause(dag_id)
    run_id = rest.trigger(dag_id, conf or {})
    assert wait_until(lambda: rest.run_state(dag_id, run_id) in {"success", "failed"}, 1)
    return run_id, rest.run_state(dag_id, run_id)


def logs(live_airflow, dag_id: str, run_id: str) -> str:
    return "\n".join(live_airflow.rest.task_log(task) for task in live_airflow.rest.tasks(dag_id, run_id))


def clusters_of(live_airflow, run_id: str) -> list:
    return [it for it in live_airflow.control.clusters.list() if it.owner and it.owner.run_id == run_id]


def assert_ends(live_airflow, cluster) -> None:
    """On Kubernetes an end takes its time, and whoever looks records it."""
    clusters = live_airflow.control.clusters
    assert wait_until(lambda: clusters.status(cluster.id) is ClusterState.TERMINATED)


@pytest.mark.parametrize("path", long_except(["deferred"], ["running", "deferred"]))
def test_arguments_and_results_pass_through_on_both_paths(live_airflow, path):
    dag_id = f"function_{path}"
    run_id, state = run(live_airflow, dag_id, {"number": 100})
    log = logs(live_airflow, dag_id, run_id)
    assert state == "success", log
    assert live_airflow.rest.xcom(dag_id, run_id, "count") == {
        "sum": 5050,
        "words": ["a", "ü$(x)"],
        "kind": dag_id,
        "run": run_id,
        "täst": None,
    }
    assert "the function's own output" in log
    assert "dcluster-result" not in log
    (cluster,) = clusters_of(live_airflow, run_id)
    assert_ends(live_airflow, cluster)
    assert not list((live_airflow.standalone.home / "dcluster" / "functions").glob("*.py"))


@pytest.mark.long
def test_mapped_functions_share_the_cluster_of_their_group(live_airflow):
    dag_id = "function_mapped_in_group"
    run_id, state = run(live_airflow, dag_id)
    assert state == "success", logs(live_airflow, dag_id, run_id)
    assert live_airflow.rest.xcom(dag_id, run_id, "group.add") == 2 * 2 + 3 * 3
    (cluster,) = clusters_of(live_airflow, run_id)
    jobs = [job for job in live_airflow.control.jobs.list() if job.cluster_id == cluster.id]
    assert len(jobs) == 3
    assert_ends(live_airflow, cluster)


@pytest.mark.long
def test_an_error_arrives_with_its_traceback_and_the_cluster_is_ended(live_airflow):
    dag_id = "function_fails_in_group"
    run_id, state = run(live_airflow, dag_id)
    assert state == "failed"
    states = {task["task_id"]: task["state"] for task in live_airflow.rest.tasks(dag_id, run_id)}
    assert states == {"group.launch": "success", "group.fails": "failed", "group.terminate": "success"}
    log = logs(live_airflow, dag_id, run_id)
    assert "The function fails raised LookupError: nothing for no reason [FunctionRaised]" in log
    assert 'authoring.py", line ' in log
    assert 'raise LookupError(f"nothing for {why}")' in log
    (cluster,) = clusters_of(live_airflow, run_id)
    assert_ends(live_airflow, cluster)

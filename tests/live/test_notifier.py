"""The notifier in a live Airflow: called for a run by the DAG processor, for a task by its worker."""

from __future__ import annotations

import pytest
from hanging import HANG_SECONDS, wait_until

from dcluster_provider.core.record import Cluster, ClusterState

pytestmark = [
    pytest.mark.parametrize("live_airflow", ["local"], indirect=True, scope="session"),
]


def failed_run(live_airflow, dag_id: str) -> str:
    """A run of the DAG that has failed."""
    rest = live_airflow.rest
    assert wait_until(lambda: rest.has_dag(dag_id))
    rest.unpause(dag_id)
    run_id = rest.trigger(dag_id, {})
    assert wait_until(lambda: rest.run_state(dag_id, run_id) in {"success", "failed"})
    assert rest.run_state(dag_id, run_id) == "failed"
    return run_id


def cluster_of(live_airflow, dag_id: str, run_id: str, task_id: str) -> Cluster:
    """The cluster that a task of the run has asked for."""
    (found,) = (
        it for it in live_airflow.control.clusters.of_run(dag_id, run_id) if it.owner.task_id == task_id
    )
    return found


def ended_by(live_airflow, cluster: Cluster) -> set[str]:
    """Who has changed a cluster."""
    return {event.actor for event in live_airflow.control.registry.events.list(cluster_id=cluster.id)}


@pytest.mark.long
def test_of_a_failed_run_no_cluster_is_left(live_airflow):
    run_id = failed_run(live_airflow, "notified_run")
    cluster = cluster_of(live_airflow, "notified_run", run_id, "launch")
    assert live_airflow.control.clusters.wait(cluster.id, [ClusterState.TERMINATED], HANG_SECONDS)
    assert f"the failure of notified_run of {run_id}" in ended_by(live_airflow, cluster)


def test_of_a_failed_task_what_it_asked_for_is_ended_and_nothing_else(live_airflow):
    run_id = failed_run(live_airflow, "notified_task")
    kept = cluster_of(live_airflow, "notified_task", run_id, "job")
    other = cluster_of(live_airflow, "notified_task", run_id, "launch")
    assert live_airflow.control.clusters.wait(kept.id, [ClusterState.TERMINATED], HANG_SECONDS)
    assert f"the failure of notified_task.job of {run_id}" in ended_by(live_airflow, kept)
    assert live_airflow.control.clusters.status(other.id) is ClusterState.RUNNING
    live_airflow.control.clusters.terminate(other.id)

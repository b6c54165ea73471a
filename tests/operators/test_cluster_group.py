"""How a group with a cluster of its own is wired."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG, task, task_group

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.operators.cluster import DClusterLaunchFlinkOperator, DClusterLaunchSparkOperator
from dcluster_provider.operators.cluster_group import DClusterCluster


@task
def work(x=None): ...


def wiring(dag):
    return {it.task_id: sorted(it.downstream_task_ids) for it in dag.tasks}


def test_every_task_is_between_launch_and_end():
    with DAG("d", schedule=None) as dag:
        before = work.override(task_id="before")()
        with DClusterCluster("etl", tenant="sales") as cluster:
            first = work.override(task_id="first")(cluster.id)
            work.override(task_id="second")(first)
            work.override(task_id="alone")()

            @task_group
            def nested():
                work.override(task_id="deep")()

            nested()
        after = work.override(task_id="after")()
        before >> cluster >> after
    found = wiring(dag)
    inside = ["etl.alone", "etl.first", "etl.nested.deep"]
    assert found["before"] == ["etl.launch"]
    assert found["etl.launch"] == sorted([*inside, "etl.terminate"])
    assert found["etl.first"] == ["etl.second"]
    for leaf in ("etl.second", "etl.alone", "etl.nested.deep"):
        assert found[leaf] == ["after", "etl.terminate"]
    assert found["etl.terminate"] == []


def test_launch_is_setup_and_end_is_teardown_of_the_cluster():
    with (
        DAG("d", schedule=None) as dag,
        DClusterCluster("etl", tenant="sales", workers=3, deferrable=True, terminate_timeout=9) as cluster,
    ):
        work()
    assert dag.get_task("etl.launch").is_setup
    assert (cluster.launch.workers, cluster.launch.deferrable) == (3, True)
    end = dag.get_task("etl.terminate")
    assert (end.is_teardown, end.on_failure_fail_dagrun, end.deferrable) == (True, False, True)
    assert (end.terminate_timeout, end.cluster_id) == (9, cluster.id)


def test_an_empty_group_and_two_groups_stand_by_themselves():
    with DAG("d", schedule=None) as dag:
        with DClusterCluster("a", tenant="sales", on_failure_fail_dagrun=True):
            pass
        with DClusterCluster("b", type="flink", tenant="sales", prefix_group_id=True):
            work()
    assert wiring(dag)["a.launch"] == ["a.terminate"]
    assert dag.get_task("a.terminate").on_failure_fail_dagrun
    assert isinstance(dag.get_task("b.launch"), DClusterLaunchFlinkOperator)
    assert isinstance(dag.get_task("a.launch"), DClusterLaunchSparkOperator)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"tenant": "a", "long_living": True}, TypeError, "the group terminates its cluster"),
        ({"tenant": "a", "worker": 2}, TypeError, "did you mean 'workers'"),
        ({"tenant": "a", "type": "storm"}, InvalidSpec, "field type"),
        ({"workers": 2}, InvalidSpec, "field tenant: is required"),
    ],
)
def test_wrong_arguments_are_refused(arguments, error, message):
    with DAG("d", schedule=None), pytest.raises(error, match=message):
        DClusterCluster("etl", **arguments)

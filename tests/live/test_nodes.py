"""Machines of EC2 through a live Airflow: launched, recorded and destroyed by DAGs, and given back when a person ends
the task. AWS is the one of tests/aws.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from aws.behaviour import IMAGE
from aws.server import REGION, AwsServer, running
from hanging import wait_until

from tests.live.trials import long_except

pytestmark = [
    pytest.mark.parametrize("live_airflow", ["local"], indirect=True, scope="session"),
]
PATHS = ["running", "deferred"]


@pytest.fixture(scope="module")
def aws(live_airflow) -> Iterator[AwsServer]:
    """AWS, and the connections that lead there."""
    rest = live_airflow.rest
    with running() as server:
        place = {"endpoint_url": server.address, "region_name": REGION}
        key = {"login": "key", "password": "secret"}
        ours = {"cloud": "ec2", "aws_conn_id": "aws_live", "ec2_region": REGION, "ec2_image": IMAGE}
        rest.make_connection(
            {"connection_id": "aws_live", "conn_type": "aws", "extra": json.dumps(place), **key}
        )
        rest.make_connection(
            {"connection_id": "dcluster_ec2", "conn_type": "dcluster", "extra": json.dumps(ours)}
        )
        yield server
        rest.delete_connection("dcluster_ec2")
        rest.delete_connection("aws_live")


def start(live_airflow, dag_id: str, conf: dict | None = None) -> str:
    rest = live_airflow.rest
    assert wait_until(lambda: rest.has_dag(dag_id))
    rest.unpause(dag_id)
    return rest.trigger(dag_id, conf or {})


def states(live_airflow, dag_id: str, run_id: str) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in live_airflow.rest.tasks(dag_id, run_id)}


def log_of(live_airflow, dag_id: str, run_id: str, task_id: str) -> str:
    rest = live_airflow.rest
    (task,) = [it for it in rest.tasks(dag_id, run_id) if it["task_id"] == task_id]
    return rest.task_log(task)


@pytest.mark.parametrize("path", long_except(["deferred"], PATHS))
def test_machines_are_launched_recorded_and_given_back(live_airflow, aws, path):
    aws.begin(pending=3)
    theirs = aws.add_instances(1, {"Name": "somebody's"})
    dag_id, rest = f"nodes_{path}", live_airflow.rest
    run_id = start(live_airflow, dag_id)
    assert wait_until(lambda: rest.run_state(dag_id, run_id) in {"success", "failed"})
    told = {task: log_of(live_airflow, dag_id, run_id, task) for task in ("launch", "sync", "destroy")}
    assert rest.run_state(dag_id, run_id) == "success", told
    ids = rest.xcom(dag_id, run_id, "launch")
    assert len(ids) == 2
    assert rest.xcom(dag_id, run_id, "sync") == 3
    assert rest.xcom(dag_id, run_id, "destroy") == ids
    assert aws.live() == set(theirs)
    assert "2 of 2 nodes: 2 starting" in told["launch"]
    assert live_airflow.control.registry.instances.get(ids[0]).info["InstanceType"] == "m5.large"


@pytest.mark.long
@pytest.mark.parametrize("path", PATHS)
def test_a_person_who_ends_the_launch_gets_its_machines_given_back(live_airflow, aws, path):
    aws.begin(pending=3600)
    dag_id = f"nodes_wait_{path}"
    run_id = start(live_airflow, dag_id)
    assert wait_until(lambda: len(aws.live()) == 2)
    assert wait_until(lambda: states(live_airflow, dag_id, run_id)["task"] == path)
    if path == "deferred":  # what is ended before its trigger has begun, the clean-up of nodes finds
        told = "2 of 2 nodes: 2 starting"
        assert wait_until(lambda: log_of(live_airflow, dag_id, run_id, "task").count(told) == 2)
    live_airflow.rest.mark_task(dag_id, run_id, "task", "failed")
    assert wait_until(lambda: not aws.live()), aws.instances()


@pytest.mark.long
def test_mistakes_are_named_and_touch_nothing(live_airflow, aws):
    aws.begin()
    theirs = aws.add_instances(1, {"Name": "somebody's"})
    rest = live_airflow.rest
    run_id = start(live_airflow, "nodes_types", {"ids": theirs})
    assert wait_until(lambda: rest.run_state("nodes_types", run_id) in {"success", "failed"})
    assert states(live_airflow, "nodes_types", run_id) == {
        "types": "success",
        "mistake": "failed",
        "theirs": "failed",
    }
    assert "m5.large" in rest.xcom("nodes_types", run_id, "types")
    assert "did you mean 'm5.large'" in log_of(live_airflow, "nodes_types", run_id, "mistake")
    assert "this deployment has no machine" in log_of(live_airflow, "nodes_types", run_id, "theirs")
    assert aws.live() == set(theirs)

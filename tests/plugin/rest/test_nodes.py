"""The node and cloud calls of the REST API on a connection whose machines come from EC2."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from aws.behaviour import IMAGE
from aws.server import REGION, AwsServer, running

from dcluster_provider.dags import ids

REQUEST = {"nodeCount": 3, "instanceType": "m5.large", "region": REGION}


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    with running() as found:
        yield found


@pytest.fixture
def aws(api, server, tmp_path: Path, monkeypatch) -> AwsServer:
    server.begin()
    place = {"endpoint_url": server.address, "region_name": REGION}
    key = {"conn_type": "aws", "login": "key", "password": "secret-of-aws"}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_REST", json.dumps(key | {"extra": place}))
    extra = {"cloud": "ec2", "aws_conn_id": "aws_rest", "ec2_region": REGION, "ec2_image": IMAGE}
    extra["home"] = str(tmp_path / "home")
    monkeypatch.setenv("AIRFLOW_CONN_DCLUSTER_DEFAULT", json.dumps({"conn_type": "dcluster", "extra": extra}))
    api.become("admin")
    return server


def error(answer) -> str:
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]


def test_a_launch_and_a_destruction_are_runs_that_carry_them_out(api, aws):
    assert api.client.post("/node/launch", json=REQUEST).content == b""
    ((_, conf),) = api.runs(ids.LAUNCH_NODES)
    assert (conf["node_count"], conf["instance_type"], conf["region"]) == (3, "m5.large", REGION)
    assert conf["request_key"]
    node_ids = ["i-1234567890abcdef0"]
    assert api.client.post("/node/destroy", json={"nodeIds": node_ids, "region": REGION}).content == b""
    ((_, conf),) = api.runs(ids.DESTROY_NODES)
    assert conf["node_ids"] == node_ids
    assert aws.calls("RunInstances") == []


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("launch", REQUEST | {"instanceType": "m5.larg"}, "did you mean 'm5.large'"),
        ("launch", REQUEST | {"region": "eu-west-11"}, "did you mean 'eu-west-1'"),
        ("launch", REQUEST | {"nodeCount": 0}, "field nodeCount: has to be at least 1"),
        ("launch", REQUEST | {"nodeCount": -1}, "field nodeCount: has to be at least 1"),
        ("launch", REQUEST | {"nodeCount": 10_000}, "more than the 100 nodes"),
        ("destroy", {"nodeIds": []}, "nodeIds"),
        ("destroy", {"nodeIds": ["node-1"]}, "'node-1' is not the id of an EC2 instance"),
        ("destroy", {"nodeIds": ["i-1234567890abcdef0"], "region": "mars-1"}, "field region"),
    ],
)
def test_what_cannot_be_accepted_is_named_and_starts_nothing(api, aws, path, body, words):
    assert words in error(api.client.post(f"/node/{path}", json=body))
    assert api.runs(ids.LAUNCH_NODES) == api.runs(ids.DESTROY_NODES) == []


def test_the_types_on_offer_and_the_instances_are_told(api, aws):
    types = api.client.get("/ec2-info").json()
    assert "m5.large" in types
    assert types == sorted(set(types))
    ours = aws.add_instances(2, {"Name": "somebody's"})
    assert api.client.get("/ec2-list-info").json() == 2
    assert api.control.registry.instances.get(ours[0]).info["InstanceType"]
    assert "secret-of-aws" not in json.dumps(api.control.registry.instances.get(ours[0]).info)


def test_a_missing_permission_is_named(api, aws):
    aws.begin(denied={"DescribeInstances"})
    answer = api.client.get("/ec2-list-info")
    assert "ec2:DescribeInstances" in answer.json()["error"]

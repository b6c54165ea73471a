"""Clients of AWS by connections of the amazon provider, up to the hook's own calls."""

from __future__ import annotations

import json
import sys

import pytest
from aws.behaviour import IMAGE
from aws.server import REGION, running

from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.hooks.clients import decoded_message, ec2_client
from dcluster_provider.hooks.dcluster import DClusterHook


@pytest.fixture(scope="module")
def server():
    with running() as found:
        yield found


@pytest.fixture
def aws(server, monkeypatch):
    server.begin()
    connection = {
        "conn_type": "aws",
        "login": "key",
        "password": "not-to-be-seen",
        "extra": {
            "endpoint_url": server.address,
            "region_name": REGION,
            "config_kwargs": {"user_agent_extra": "theirs", "retries": {"total_max_attempts": 30}},
        },
    }
    monkeypatch.setenv("AIRFLOW_CONN_AWS_TEST", json.dumps(connection))
    return server


@pytest.fixture
def hook(aws, monkeypatch, tmp_path):
    extra = {"cloud": "ec2", "aws_conn_id": "aws_test", "ec2_image": IMAGE, "home": str(tmp_path)}
    monkeypatch.setenv("AIRFLOW_CONN_NODES", json.dumps({"conn_type": "dcluster", "extra": extra}))
    return DClusterHook("nodes")


def test_the_clients_use_the_connection_and_launches_are_made_once(aws):
    once, often = ec2_client("aws_test", "", True), ec2_client("aws_test", "us-west-2", False)
    assert (once.meta.region_name, often.meta.region_name) == (REGION, "us-west-2")
    assert once.meta.config.retries["total_max_attempts"] == 1
    assert often.meta.config.retries["mode"] == "adaptive"
    assert "theirs" in once.meta.config.user_agent_extra
    assert once.describe_instances()["Reservations"] == []
    assert [call.region for call in aws.behaviour.calls] == [REGION]


def test_the_life_of_nodes_through_the_hook(aws, hook):
    assert "m5.large" in hook.nodes.instance_types()
    request = {"node_count": 2, "instance_type": "m5.large"}
    launch = hook.nodes.launch(request, "key")
    assert set(launch.ids) == aws.live()
    assert hook.nodes.launch(request, "key").ids == launch.ids
    assert hook.nodes.poll_launch(request, "key").is_finished
    assert hook.nodes.sync_instances() == 2
    recorded = hook.control.registry.instances.get(launch.ids[0]).info
    assert recorded["State"]["Name"] == "running"
    assert set(hook.nodes.undo_launch(request, "key")) == set(launch.ids)
    assert aws.live() == set()


def test_a_missing_permission_is_decoded_with_the_connections_credentials(aws, hook):
    aws.rules.denied.add("RunInstances")
    aws.rules.plain_denials = True
    request = {"node_count": 1, "instance_type": "m5.large"}
    with pytest.raises(PlatformRefused, match="denied ec2:RunInstances on arn:aws:ec2") as refused:
        hook.nodes.launch(request, "key")
    assert "not-to-be-seen" not in str(refused.value)
    aws.rules.denied.add("DecodeAuthorizationMessage")
    with pytest.raises(PlatformRefused, match="With sts:DecodeAuthorizationMessage"):
        hook.nodes.launch(request, "key")
    assert decoded_message("aws_test", REGION, "x") == ""


def test_a_missing_provider_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "airflow.providers.amazon.aws.hooks.base_aws", None)
    with pytest.raises(PlatformRefused, match=r"pip install 'dcluster-provider\[ec2\]'"):
        ec2_client("aws_test", REGION, True)


def test_a_connection_that_cannot_be_used_is_named(monkeypatch):
    extra = {"role_arn": "arn:aws:iam::123456789012:role/x", "assume_role_method": "no_such_method"}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_BAD", json.dumps({"conn_type": "aws", "extra": extra}))
    with pytest.raises(PlatformRefused, match="The connection 'aws_bad' cannot be used for AWS"):
        ec2_client("aws_bad", REGION, True)

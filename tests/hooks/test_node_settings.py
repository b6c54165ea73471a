"""From a connection's fields to what is known of machines and of EC2."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.hooks.connection import settings_from
from dcluster_provider.nodes.ec2.settings import Ec2Settings

EVERYTHING = {
    "cloud": "ec2",
    "max_nodes": 5,
    "launch_timeout": "60",
    "registration_timeout": 120,
    "drain_timeout": 30,
    "unused_after": 40,
    "min_age": 50,
    "max_removed": 3,
    "aws_conn_id": "aws",
    "ec2_region": "eu-west-1",
    "ec2_launch_template": "lt-0123456789abcdef0",
    "ec2_launch_template_version": "$Latest",
    "ec2_image": "ami-0123456789abcdef0",
    "ec2_subnets": "subnet-01234567, subnet-0123456789abcdef0",
    "ec2_security_groups": ["sg-01234567"],
    "ec2_instance_profile": "nodes",
    "ec2_user_data": "#!/bin/sh\njoin {labels} {taints}\n",
    "ec2_market": "spot, then on-demand",
    "ec2_alternatives": "m5a.large,m5.xlarge,m5a.large",
    "ec2_tags": '{"team": "data", "cost": "7"}',
}


def test_every_field_is_read():
    settings = settings_from("mine", {**EVERYTHING, "deployment": "prod"}).nodes
    assert settings.cloud_settings == Ec2Settings(
        conn_id="aws",
        deployment="prod",
        region="eu-west-1",
        launch_template="lt-0123456789abcdef0",
        launch_template_version="$Latest",
        image="ami-0123456789abcdef0",
        subnets=("subnet-01234567", "subnet-0123456789abcdef0"),
        security_groups=("sg-01234567",),
        instance_profile="nodes",
        user_data="#!/bin/sh\njoin {labels} {taints}\n",
        market="spot, then on-demand",
        alternatives=("m5a.large", "m5.xlarge"),
        tags=(("cost", "7"), ("team", "data")),
        connection="mine",
    )
    assert (settings.cloud, settings.max_nodes, settings.max_removed) == ("ec2", 5, 3)
    assert settings.launch_timeout == timedelta(seconds=60)
    assert settings.min_age == timedelta(seconds=50)
    hash(settings)


def test_every_setting_is_a_field_of_the_connection():
    of_ec2 = set(Ec2Settings.model_fields) - {"deployment", "conn_id", "connection"}
    fields = set(Ec2Settings.connection_fields()) - {"deployment"}
    assert {f"ec2_{name}" for name in of_ec2} == fields - {"aws_conn_id"}
    assert fields < set(EVERYTHING)
    assert set(NodeSettings.model_fields) - {"cloud_settings"} == set(NodeSettings.connection_fields())


def test_without_a_cloud_every_setting_has_its_default():
    assert settings_from("mine", {}).nodes == NodeSettings()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("cloud", "ec3", "there is no cloud 'ec3'; did you mean 'ec2'?"),
        ("cloud", "azure", "write one of on-premises, ec2, gke"),
        ("max_nodes", 0, "field max_nodes: '0' is not a whole number above 0"),
        ("max_nodes", "\u0663", "field max_nodes"),
        ("launch_timeout", "soon", "field launch_timeout: 'soon'"),
        ("launch_timeout", 10**12, "field launch_timeout"),
        ("ec2_market", "spots", "write one of on-demand; spot; spot, then on-demand; did you mean 'spot'?"),
        ("ec2_image", "ami-1", "is not the id of an image"),
        ("ec2_subnets", "subnet-01234567,eu-west-1a", "'eu-west-1a' is not the id of a subnet"),
        ("ec2_security_groups", "default", "is not the id of a security group"),
        ("ec2_launch_template_version", "latest", "is not a number, $Default or $Latest"),
        ("ec2_launch_template", "a b", "is not the id or name of a launch template"),
        ("ec2_alternatives", "m5", "'m5' is not an instance type"),
        ("ec2_alternatives", [f"m{number}.large" for number in range(60)], "at most 59"),
        ("ec2_user_data", "x" * 16_000, "is longer than 14336 bytes"),
        ("ec2_tags", "team=data", "not JSON"),
        ("ec2_tags", {"team": 1}, "write a JSON object of texts"),
        ("ec2_tags", {"aws:x": "1"}, "is not yours to set"),
        ("ec2_tags", {"dcluster.io/deployment": "other"}, "is not yours to set"),
        ("ec2_tags", {"": "x"}, "a key has 1 to 128 characters"),
        ("ec2_tags", {f"tag{number}": "" for number in range(41)}, "40 of them here"),
    ],
)
def test_what_cannot_be_accepted_is_named(field, value, words):
    with pytest.raises(InvalidSpec) as refused:
        settings_from("mine", {"cloud": "ec2", field: value})
    assert f"connection 'mine': field {field}" in str(refused.value)
    assert words in str(refused.value)

"""What cannot be accepted is named, with the nearest that can; what is not allowed, with what has to be allowed."""

from __future__ import annotations

import pytest
from aws.messages import decode_refusal
from aws.server import REGION

from dcluster_provider.core.errors import (
    CloudUnavailable,
    CredentialsRefused,
    InvalidSpec,
    NodesFailed,
    PlatformRefused,
)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("eu-west-11", "field region: AWS has no region 'eu-west-11'; did you mean 'eu-west-1'?"),
        ("europe", "field region: AWS has no region 'europe'"),
        ("EU-WEST-1", "field region: AWS has no region 'EU-WEST-1'"),
    ],
)
def test_a_region_that_does_not_exist(aws, ec2, given, words):
    with pytest.raises(InvalidSpec) as refused:
        ec2.region(given)
    assert words in str(refused.value)
    assert aws.behaviour.calls == []


def test_the_region_is_the_given_one_the_connections_or_that_of_the_credentials(aws, make_ec2):
    assert make_ec2().region("us-gov-west-1") == "us-gov-west-1"
    assert make_ec2(region="cn-north-1").region("") == "cn-north-1"
    with pytest.raises(
        InvalidSpec, match=r"connection 'dcluster_test': field ec2_region: .* mean 'eu-west-1'"
    ):
        make_ec2(region="eu-wst-1").region("")
    with pytest.raises(InvalidSpec, match=r"field region: is empty.*set ec2_region of 'dcluster_test'"):
        make_ec2(region="").region("")


@pytest.mark.parametrize(
    ("changes", "types", "words"),
    [
        ({}, ("m5.lareg",), "field instanceType: EC2 has no instance type 'm5.lareg' in eu-west-1; did you mean 'm5"),
        ({}, ("m5.large", "m5a.larg"), "field alternativeTypes: EC2 has no instance type 'm5a.larg'"),
        ({"alternatives": ("c5.huge",)}, ("m5.large",), "field ec2_alternatives: EC2 has no instance type 'c5.huge'"),
        ({"image": ""}, ("m5.large",), "names neither ec2_launch_template nor ec2_image"),
    ],
)  # fmt: skip
def test_an_order_that_cannot_be_launched(make_ec2, order, changes, types, words):
    with pytest.raises(InvalidSpec) as refused:
        make_ec2(**changes).check_order(order(1, types))
    assert words in str(refused.value)


def test_a_label_that_a_shell_would_read_is_refused(ec2, order):
    with pytest.raises(InvalidSpec, match="cannot be part of a label"):
        ec2.check_order(order(1, labels={"a": "$(reboot)"}))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"image": "ami-00000000"}, "ec2_image"),
        ({"subnets": ("subnet-00000000",)}, "ec2_subnets"),
        ({"security_groups": ("sg-00000000",)}, "ec2_security_groups"),
        ({"launch_template": "missing"}, "ec2_launch_template"),
    ],
)
def test_what_the_connection_names_and_is_not_there(aws, make_ec2, order, changes, field):
    with pytest.raises(NodesFailed, match="LaunchRefused") as failed:
        make_ec2(**changes).launch(order(1))
    assert f"Correct the field {field} of the connection" in str(failed.value)
    assert aws.instances() == {}


def test_a_launch_that_is_refused_half_way_gives_back_what_it_had(aws, make_ec2, order):
    subnet = aws.client("", REGION, False).describe_subnets()["Subnets"][0]["SubnetId"]
    aws.rules.rooms[f"on-demand m5.large {subnet}"] = 1
    with pytest.raises(NodesFailed, match="ec2_subnets"):
        make_ec2(subnets=(subnet, "subnet-00000000")).launch(order(2))
    assert len(aws.instances()) == 1
    assert aws.live() == set()


@pytest.mark.parametrize("plain", [False, True])
def test_a_missing_permission_is_named(aws, make_ec2, order, plain):
    aws.rules.denied.add("RunInstances")
    aws.rules.plain_denials = plain
    decoded = []

    def decode(conn_id, region, text):
        decoded.append((conn_id, region))
        return decode_refusal(text)

    with pytest.raises(PlatformRefused) as refused:
        make_ec2(decode).launch(order(1))
    text = str(refused.value)
    assert "AWS does not let the connection 'aws_test' do ec2:RunInstances." in text
    assert "Allow ec2:RunInstances in the policy of arn:aws:iam::123456789012:role/airflow" in text
    assert "ec2:CreateTags" in text
    assert "denied ec2:RunInstances on arn:aws:ec2:eu-west-1:123456789012:instance/*" in text
    assert "Encoded" not in text
    assert decoded == [("aws_test", REGION)]


@pytest.mark.parametrize(
    ("action", "call"),
    [
        ("DescribeInstances", lambda ec2: ec2.machines(REGION)),
        ("DescribeInstanceTypeOfferings", lambda ec2: ec2.instance_types(REGION)),
        ("DescribeInstanceTypes", lambda ec2: ec2.capacities(["m5.large"], REGION)),
    ],
)
def test_it_is_named_where_aws_does_not_say_it_and_may_not_be_asked(aws, make_ec2, action, call):
    aws.rules.denied.add(action)
    aws.rules.plain_denials = True
    with pytest.raises(PlatformRefused, match=f"Allow ec2:{action} in .*sts:DecodeAuthorizationMessage"):
        call(make_ec2(lambda *_: ""))


def test_an_end_that_is_not_allowed_is_named(aws, make_ec2):
    aws.rules.denied.add("TerminateInstances")
    ids = aws.add_instances(1, {"dcluster.io/deployment": "prod"})
    with pytest.raises(PlatformRefused, match="Allow ec2:TerminateInstances"):
        make_ec2().terminate(ids, REGION)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ((401, "AuthFailure", "not able to validate"), CredentialsRefused, "credentials of connection 'aws_test'"),
        ((400, "RequestExpired", "Request has expired."), CredentialsRefused, "RequestExpired"),
        ((400, "OptInRequired", "not subscribed"), PlatformRefused, "region eu-west-1 is not enabled"),
        ((503, "Unavailable", "overloaded"), CloudUnavailable, "could not answer DescribeInstances: Unavailable"),
        ((400, "InvalidParameterValue", "nonsense"), PlatformRefused, "InvalidParameterValue: nonsense"),
    ],
)  # fmt: skip
def test_what_else_ec2_may_answer(aws, error, kind, words):
    from dcluster_provider.nodes.ec2.cloud import Ec2
    from dcluster_provider.nodes.ec2.settings import Ec2Settings

    aws.rules.errors["DescribeInstances"] = error
    ec2 = Ec2(
        "d", Ec2Settings(conn_id="aws_test"), lambda conn_id, region, _: aws.client(conn_id, region, True)
    )
    with pytest.raises(kind, match=words):
        ec2.machines(REGION)


def test_credentials_that_are_missing_are_named(aws, monkeypatch):
    import boto3
    from aws.server import make_client

    from dcluster_provider.nodes.ec2.cloud import Ec2
    from dcluster_provider.nodes.ec2.settings import Ec2Settings

    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    session = boto3.session.Session()

    def client(conn_id, region, once):
        return make_client(session, aws.address, region, once)

    with pytest.raises(
        PlatformRefused, match=r"connection 'aws_test' gives no credentials.*CredentialsMissing"
    ):
        Ec2("d", Ec2Settings(conn_id="aws_test"), client).machines(REGION)

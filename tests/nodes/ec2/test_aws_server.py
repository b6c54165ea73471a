"""The server that stands in for AWS answers as AWS documents it, in the words of botocore's own model."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import botocore.session
import pytest
from aws.behaviour import IMAGE
from aws.messages import Call, Refused, find_all
from aws.server import REGION, make_client
from botocore.exceptions import ClientError
from botocore.parsers import create_parser

WANTED = {"ImageId": IMAGE, "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 3}
# Of the page "Error codes for the Amazon EC2 API".
CLIENT_ERRORS = {
    "IdempotentInstanceTerminated",
    "IdempotentParameterMismatch",
    "InvalidAMIID.NotFound",
    "InvalidInstanceID.Malformed",
    "InvalidInstanceID.NotFound",
    "InvalidNextToken",
    "InvalidParameterCombination",
    "InvalidParameterValue",
    "MissingParameter",
    "OperationNotPermitted",
    "UnauthorizedOperation",
    "VcpuLimitExceeded",
    "FilterLimitExceeded",
}
SERVER_ERRORS = {"InsufficientInstanceCapacity", "RequestLimitExceeded"}


@pytest.fixture
def client(aws):
    return aws.client("", REGION, True)


def refused(call, **arguments) -> str:
    with pytest.raises(ClientError) as found:
        call(**arguments)
    code = found.value.response["Error"]["Code"]
    status = found.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert code in (SERVER_ERRORS if status >= 500 else CLIENT_ERRORS)
    assert found.value.response["Error"]["Message"]
    return code


def test_a_token_gives_the_same_instances_again(aws, client):
    first = client.run_instances(ClientToken="t", **WANTED)
    again = client.run_instances(ClientToken="t", **WANTED)
    assert [it["InstanceId"] for it in first["Instances"]] == [it["InstanceId"] for it in again["Instances"]]
    assert first["ReservationId"] == again["ReservationId"]
    assert len(aws.instances()) == len(first["Instances"]) == 3
    assert len(client.run_instances(ClientToken="u", **WANTED)["Instances"]) == 3
    assert len(aws.instances()) == 6


def test_a_token_with_other_parameters_or_an_ended_instance_is_refused(client):
    ids = [it["InstanceId"] for it in client.run_instances(ClientToken="t", **WANTED)["Instances"]]
    other = {**WANTED, "MaxCount": 2}
    assert refused(client.run_instances, ClientToken="t", **other) == "IdempotentParameterMismatch"
    client.terminate_instances(InstanceIds=ids[:1])
    assert refused(client.run_instances, ClientToken="t", **WANTED) == "IdempotentInstanceTerminated"
    assert refused(client.run_instances, ClientToken="t" * 65, **WANTED) == "InvalidParameterValue"


def test_there_is_as_much_room_as_there_is(aws, client):
    aws.rules.rooms["on-demand m5.large"] = 2
    assert len(client.run_instances(**WANTED)["Instances"]) == 2
    assert refused(client.run_instances, **WANTED) == "InsufficientInstanceCapacity"
    aws.rules.rooms["on-demand m5.large"] = 2
    assert refused(client.run_instances, **{**WANTED, "MinCount": 3}) == "InsufficientInstanceCapacity"
    aws.rules.codes["m5.large"] = "VcpuLimitExceeded"
    assert refused(client.run_instances, **{**WANTED, "MinCount": 3}) == "VcpuLimitExceeded"
    spot = {"InstanceMarketOptions": {"MarketType": "spot"}}
    assert len(client.run_instances(**WANTED, **spot)["Instances"]) == 3


def test_a_client_that_repeats_requests_repeats_a_refusal_for_want_of_capacity(aws, client, monkeypatch):
    """Why launches are made once: botocore takes it for a failing server."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)  # between its repetitions
    aws.rules.rooms["m5.large"] = 0
    with pytest.raises(ClientError) as found:
        aws.client("", REGION, False).run_instances(**WANTED)
    assert found.value.response["ResponseMetadata"]["RetryAttempts"] == 7
    aws.behaviour.calls.clear()
    refused(client.run_instances, **WANTED)
    assert len(aws.calls("RunInstances")) == 1


def test_listings_have_pages(aws, client):
    ids = aws.add_instances(12, {"a": "b"}) + aws.add_instances(11, {})
    pages = list(client.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
    shown = [[it["InstanceId"] for r in page["Reservations"] for it in r["Instances"]] for page in pages]
    assert [len(page) for page in shown] == [5, 5, 5, 5, 3]
    assert [it for page in shown for it in page] == ids
    filters = [{"Name": "tag:a", "Values": ["b"]}]
    pages = client.get_paginator("describe_instances").paginate(
        Filters=filters, PaginationConfig={"PageSize": 5}
    )
    assert sum(len(r["Instances"]) for page in pages for r in page["Reservations"]) == 12
    assert refused(client.describe_instances, MaxResults=4) == "InvalidParameterValue"
    both = {"MaxResults": 5, "InstanceIds": ids[:1]}
    assert refused(client.describe_instances, **both) == "InvalidParameterCombination"
    assert refused(client.describe_instances, NextToken="?") == "InvalidNextToken"
    many = [{"Name": "instance-id", "Values": [f"i-{number:08x}" for number in range(201)]}]
    assert refused(client.describe_instances, Filters=many) == "FilterLimitExceeded"


def test_instance_types_have_pages(client):
    pages = client.get_paginator("describe_instance_type_offerings").paginate(
        PaginationConfig={"PageSize": 400}
    )
    sizes = [len(page["InstanceTypeOfferings"]) for page in pages]
    assert len(sizes) > 1
    assert set(sizes[:-1]) == {400}
    found = client.describe_instance_types(
        Filters=[{"Name": "instance-type", "Values": ["m5.large", "no.such"]}]
    )
    assert [it["InstanceType"] for it in found["InstanceTypes"]] == ["m5.large"]


def test_instances_are_listed_later_and_run_later(aws, client):
    aws.rules.lag, aws.rules.pending = (2, 2), 60
    (made,) = client.run_instances(**{**WANTED, "MaxCount": 1})["Instances"]
    wanted = {"InstanceIds": [made["InstanceId"]]}
    for _ in range(2):
        assert client.describe_instances()["Reservations"] == []
        assert refused(client.terminate_instances, **wanted) == "InvalidInstanceID.NotFound"
    (found,) = client.describe_instances(**wanted)["Reservations"][0]["Instances"]
    assert found["State"] == made["State"] == {"Code": 0, "Name": "pending"}
    aws.rules.pending = 0
    (found,) = client.describe_instances(**wanted)["Reservations"][0]["Instances"]
    assert found["State"] == {"Code": 16, "Name": "running"}


def test_one_bad_id_spoils_the_whole_call(aws, client):
    ids = aws.add_instances(3, {})
    gone = {"InstanceIds": [*ids, "i-00000000"]}
    assert refused(client.terminate_instances, **gone) == "InvalidInstanceID.NotFound"
    malformed = {"InstanceIds": [*ids, "i-xyz"]}
    assert refused(client.terminate_instances, **malformed) == "InvalidInstanceID.Malformed"
    aws.rules.protected.add(ids[0])
    assert refused(client.terminate_instances, InstanceIds=ids) == "OperationNotPermitted"
    assert aws.live() == set(ids)


def test_calls_are_throttled_and_denied_and_the_denial_can_be_decoded(aws, client):
    aws.rules.throttled["DescribeInstances"] = 1
    assert refused(client.describe_instances) == "RequestLimitExceeded"
    aws.rules.denied.add("RunInstances")
    with pytest.raises(ClientError) as denied:
        client.run_instances(**WANTED)
    error = denied.value.response["Error"]
    assert error["Code"] == "UnauthorizedOperation"
    assert denied.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    sts = aws._session.client("sts", region_name=REGION, endpoint_url=aws.address)
    encoded = error["Message"].rpartition(" ")[2]
    told = json.loads(sts.decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])
    assert told["context"]["action"] == "ec2:RunInstances"
    assert not told["allowed"]
    aws.rules.denied.add("DecodeAuthorizationMessage")
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.decode_authorization_message(EncodedMessage=encoded)


def test_what_a_launch_needs_is_checked(client):
    assert refused(client.run_instances, MinCount=1, MaxCount=1) == "MissingParameter"
    unknown = {**WANTED, "ImageId": "ami-00000000"}
    assert refused(client.run_instances, **unknown) == "InvalidAMIID.NotFound"
    assert refused(client.run_instances, **{**WANTED, "InstanceType": "big"}) == "InvalidParameterValue"


@pytest.mark.parametrize("operation", ["RunInstances", "DescribeInstances", "TerminateInstances"])
def test_every_field_of_an_answer_is_one_that_the_model_of_botocore_knows(aws, operation):
    """A field that the model does not know would be dropped by every client without a word."""
    model = botocore.session.Session().get_service_model("ec2").operation_model(operation)
    answers = []
    client = make_client(aws._session, aws.address, REGION, True)
    client.meta.events.register(
        f"before-parse.ec2.{operation}", lambda response_dict, **_: answers.append(response_dict)
    )
    ids = [it["InstanceId"] for it in client.run_instances(ClientToken="t", **WANTED)["Instances"]]
    client.run_instances(ClientToken="t", **WANTED)
    client.describe_instances(MaxResults=5)
    client.terminate_instances(InstanceIds=ids)
    assert answers
    for answer in answers:
        unknown = _unknown(ET.fromstring(answer["body"]), model.output_shape)
        assert unknown == set()
        parsed = create_parser("ec2").parse(answer, model.output_shape)
        assert parsed["ResponseMetadata"]["HTTPStatusCode"] == 200


def _unknown(element, shape, path="") -> set[str]:
    """The elements that no member of a shape is written as."""
    if shape.type_name == "list":
        return set().union(*(_unknown(it, shape.member, path) for it in element))
    if shape.type_name != "structure":
        return set()
    members = {it.serialization.get("name", name): it for name, it in shape.members.items()}
    found = set()
    for child in element:
        name = child.tag.rpartition("}")[2]
        if name not in members:
            found |= set() if name == "requestId" else {f"{path}/{name}"}
        else:
            found |= _unknown(child, members[name], f"{path}/{name}")
    return found


def test_lists_and_errors_are_read_and_written():
    call = Call.read({}, b"Action=X&InstanceId.1=a&InstanceId.2=b&InstanceId.4=d")
    assert call.list("InstanceId") == ["a", "b"]
    assert b"Action=Y" in call.body(Action="Y")
    root = ET.fromstring(Refused(400, "A", "b & c").answer().body)
    assert root.findtext("Errors/Error/Message") == "b & c"
    assert find_all(root, "Errors") == []  # errors of EC2 have no namespace

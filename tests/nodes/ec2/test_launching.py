"""Instances are launched once, from the first candidate that has them."""

from __future__ import annotations

import pytest
from aws.server import REGION

from dcluster_provider.core.errors import CloudUnavailable, NodesFailed
from dcluster_provider.core.machines import MachineState


def ids(machines):
    return {machine.id for machine in machines}


def test_the_life_of_a_node(aws, ec2, order):
    aws.rules.pending = 0.2
    machines = ec2.launch(order(2, cluster="spark3-prod-team-1"))
    assert {it.state for it in machines} <= {MachineState.STARTING, MachineState.RUNNING}
    assert {it.cluster for it in machines} == {"spark3-prod-team-1"}
    first = machines[0]
    assert first.provider_id.startswith(f"aws:///{REGION}")
    assert first.provider_id.endswith(f"/{first.id}")
    assert ids(ec2.machines(REGION, mark="0" * 32)) == ids(machines) == aws.live()
    assert ec2.machines(REGION, mark="1" * 32) == []
    assert set(ec2.terminate([it.id for it in machines], REGION)) == ids(machines)
    assert {it.state for it in ec2.machines(REGION)} == {MachineState.GONE}
    assert aws.live() == set()
    assert all(it.reason for it in ec2.machines(REGION))


def test_a_repetition_finds_what_there_is_and_launches_nothing(aws, ec2, make_ec2, order):
    first = ec2.launch(order())
    assert ids(make_ec2().launch(order())) == ids(first)
    assert len(aws.instances()) == 3
    assert len(aws.calls("RunInstances")) == 1


def test_requests_of_another_mark_have_instances_of_their_own(aws, ec2, order):
    assert not ids(ec2.launch(order())) & ids(ec2.launch(order(mark="1" * 32)))
    assert len(aws.live()) == 6


def test_the_token_is_the_same_for_every_try_and_at_most_64_characters(aws, ec2, make_ec2, order):
    aws.rules.errors["RunInstances"] = (500, "InternalError", "An internal error has occurred")
    for cloud in (ec2, make_ec2()):
        with pytest.raises(CloudUnavailable, match="InternalError"):
            cloud.launch(order())
    first, second = (call.parameters["ClientToken"] for call in aws.calls("RunInstances"))
    assert first == second
    assert len(first) == 64


def test_instances_and_volumes_are_tagged_at_launch_and_imds_needs_a_session(aws, make_ec2, order):
    ec2 = make_ec2(tags=(("team", "data"), ("dcluster.io/request", "a lie")), connection="mine")
    (machine,) = ec2.launch(order(1, cluster="c"))
    (call,) = aws.calls("RunInstances")
    assert call.parameters["MetadataOptions.HttpTokens"] == "required"
    client = aws.client("", REGION, False)
    (reservation,) = client.describe_instances(InstanceIds=[machine.id])["Reservations"]
    (instance,) = reservation["Instances"]
    volume = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    (found,) = client.describe_volumes(VolumeIds=[volume])["Volumes"]
    tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
    assert tags == {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    assert tags.pop("dcluster.io/launch")
    assert tags == {
        "Name": "c",
        "team": "data",
        "app.kubernetes.io/managed-by": "dcluster-provider",
        "dcluster.io/deployment": "prod",
        "dcluster.io/request": "0" * 32,
        "dcluster.io/cluster": "c",
        "dcluster.io/connection": "mine",
    }
    assert [it.connection for it in ec2.machines(REGION)] == ["mine"]


def test_user_data_holds_the_labels_and_taints(aws, make_ec2, order):
    from base64 import b64decode

    script = '#!/bin/sh\nX="${A}"; join --node-labels={labels} --register-with-taints={taints}\n'
    ec2 = make_ec2(user_data=script)
    taints = ({"key": "dcluster.io/cluster", "value": "c", "effect": "NoSchedule"},)
    wanted = order(1, labels={"dcluster.io/cluster": "c", "disk": "ssd"}, taints=taints)
    ec2.check_order(wanted)
    ec2.launch(wanted)
    (call,) = aws.calls("RunInstances")
    assert b64decode(call.parameters["UserData"]).decode() == (
        '#!/bin/sh\nX="${A}"; join --node-labels=dcluster.io/cluster=c,disk=ssd '
        "--register-with-taints=dcluster.io/cluster=c:NoSchedule\n"
    )


def test_the_launch_template_is_used_by_id_or_name(aws, make_ec2, order):
    client = aws.client("", REGION, False)
    made = client.create_launch_template(
        LaunchTemplateName="nodes", LaunchTemplateData={"ImageId": "ami-0123456789abcdef0"}
    )["LaunchTemplate"]
    for number, name in enumerate(("nodes", made["LaunchTemplateId"])):
        ec2 = make_ec2(image="", launch_template=name, launch_template_version="1")
        assert len(ec2.launch(order(1, mark=str(number) * 32))) == 1
    by_name, by_id = aws.calls("RunInstances")
    assert by_name.parameters["LaunchTemplate.LaunchTemplateName"] == "nodes"
    assert by_id.parameters["LaunchTemplate.LaunchTemplateId"].startswith("lt-")


CODES = [
    "InsufficientInstanceCapacity",
    "InsufficientFreeAddressesInSubnet",
    "MaxSpotInstanceCountExceeded",
    "VcpuLimitExceeded",
    "UnfulfillableCapacity",
    "Unsupported",
    "MaxFleetCountExceeded",
    "ReservationCapacityExceeded",
]


@pytest.mark.parametrize("code", CODES)
def test_every_refusal_for_want_of_capacity_leads_to_the_next_candidate(aws, ec2, order, code):
    aws.rules.rooms["m5.large"] = 0
    aws.rules.codes["m5.large"] = code
    machines = ec2.launch(order(2, ("m5.large", "m5a.large")))
    assert {it.instance_type for it in machines} == {"m5a.large"}
    assert len(aws.calls("RunInstances")) == 2


def test_candidates_are_tried_market_by_market_type_by_type_subnet_by_subnet(aws, make_ec2, order):
    subnets = tuple(it["SubnetId"] for it in aws.client("", REGION, False).describe_subnets()["Subnets"])[:2]
    ec2 = make_ec2(market="spot, then on-demand", subnets=subnets, alternatives=("m5a.large",))
    aws.rules.rooms |= {"m5.large": 0, "m5a.large": 0}
    with pytest.raises(NodesFailed) as failed:
        ec2.launch(order(1))
    asked = [
        (
            call.parameters.get("InstanceMarketOptions.MarketType", "on-demand"),
            call.parameters["InstanceType"],
            call.parameters["SubnetId"],
        )
        for call in aws.calls("RunInstances")
    ]
    assert asked == [
        (market, kind, subnet)
        for market in ("spot", "on-demand")
        for kind in ("m5.large", "m5a.large")
        for subnet in subnets
    ]
    assert "8 of 8 ways" in str(failed.value)
    assert f"m5.large spot in {subnets[0]}: InsufficientInstanceCapacity" in str(failed.value)


def test_no_more_than_sixty_types_are_tried(aws, make_ec2, order):
    many = tuple(f"x{number}.large" for number in range(80))
    aws.rules.rooms |= dict.fromkeys(many, 0)
    with pytest.raises(NodesFailed):
        make_ec2(alternatives=many).launch(order(1, (many[0],)))
    assert len(aws.calls("RunInstances")) == 60


def test_a_partial_answer_is_completed_by_the_next_candidate(aws, ec2, order):
    aws.rules.rooms["m5.large"] = 2
    machines = ec2.launch(order(5, ("m5.large", "m5a.large")))
    assert sorted(it.instance_type for it in machines) == ["m5.large"] * 2 + ["m5a.large"] * 3
    assert len(aws.instances()) == 5


def test_what_cannot_be_completed_is_given_back_and_tried_anew_later(aws, ec2, order):
    aws.rules.rooms |= {"m5.large": 2, "m5a.large": 1}
    with pytest.raises(NodesFailed, match=r"released. \[NoCapacity\]\s+\| m5.large on-demand: 2 of 5"):
        ec2.launch(order(5, ("m5.large", "m5a.large")))
    assert aws.live() == set()
    assert len(aws.instances()) == 3
    aws.rules.rooms.clear()
    assert len(ec2.launch(order(5, ("m5.large", "m5a.large")))) == 5
    assert len(aws.live()) == 5


def test_ended_instances_are_replaced_by_those_of_the_next_generation(aws, ec2, order):
    first = ec2.launch(order())
    ec2.terminate([it.id for it in first], REGION)
    second = ec2.launch(order())
    assert not ids(first) & ids(second)
    assert aws.live() == ids(second)
    ec2.terminate([second[0].id], REGION)
    third = ec2.launch(order())
    assert ids(second[1:]) < ids(third) == aws.live()


def test_other_settings_under_the_same_token_lead_to_what_is_there(aws, ec2, make_ec2, order):
    aws.rules.lag = (0, 4)
    aws.rules.after = _lose_the_first_answer(aws)
    with pytest.raises(CloudUnavailable):
        ec2.launch(order())
    again = make_ec2(user_data="#!/bin/sh\n").launch(order())
    assert ids(again) == aws.live() == set(aws.instances())
    assert len(again) == 3


def test_other_settings_and_an_end_lead_to_the_next_generation(aws, ec2, make_ec2, order):
    first = ec2.launch(order())
    ec2.terminate([it.id for it in first], REGION)
    again = make_ec2(user_data="#!/bin/sh\n").launch(order())
    assert ids(again) == aws.live()
    assert len(again) == 3


def test_throttling_is_told_and_the_next_try_goes_on_where_it_was(aws, ec2, order):
    aws.rules.rooms["m5.large"] = 0

    def throttle_the_second(call):
        if call.action == "RunInstances" and len(aws.calls("RunInstances")) == 2:
            aws.rules.throttled["RunInstances"] = 1

    aws.rules.before = throttle_the_second
    wanted = order(2, ("m5.large", "m5a.large"))
    with pytest.raises(CloudUnavailable, match="RequestLimitExceeded"):
        ec2.launch(wanted)
    assert len(ec2.launch(wanted)) == 2
    asked = [call.parameters["InstanceType"] for call in aws.calls("RunInstances")]
    assert asked == ["m5.large", "m5a.large", "m5a.large"]


def test_reads_are_asked_again_when_they_are_throttled(aws, ec2, order):
    aws.rules.throttled["DescribeInstances"] = 2
    assert ec2.machines(REGION) == []
    assert len(aws.calls("DescribeInstances")) == 3


def test_listings_that_follow_late_lead_to_no_second_launch(aws, ec2, make_ec2, order):
    aws.rules.lag = (2, 4)
    aws.rules.rooms["m5.large"] = 2
    first = ec2.launch(order(4, ("m5.large", "m5a.large")))
    assert ids(ec2.machines(REGION, mark="0" * 32)) == ids(first)  # the launch waited for it
    assert len(aws.instances()) == 4


def test_a_repetition_completes_a_request_that_is_listed_in_part(aws, ec2, make_ec2, order):
    aws.rules.after = _lose_the_first_answer(aws)
    with pytest.raises(CloudUnavailable):
        ec2.launch(order(4))
    shown = next(iter(aws.instances()))
    aws.behaviour._listed_from |= {it: 99 for it in aws.instances() if it != shown}

    def show_all(call):
        if call.action == "RunInstances":
            aws.behaviour._listed_from.clear()

    aws.rules.before = show_all
    assert ids(make_ec2().launch(order(4))) == aws.live() == set(aws.instances())


def test_surplus_of_a_race_is_given_back_and_everybody_keeps_the_same(aws, ec2, make_ec2, order):
    first = ec2.launch(order())
    tags = {"dcluster.io/deployment": "prod", "dcluster.io/request": "0" * 32, "dcluster.io/launch": "?"}
    aws.add_instances(2, tags)
    kept = sorted(ec2.machines(REGION, mark="0" * 32), key=lambda it: (it.launched_at, it.id))[:3]
    assert ids(make_ec2().launch(order())) == ids(kept) == aws.live()
    assert len(first) == 3


def _lose_the_first_answer(aws):
    from aws.messages import Refused

    def lose(call):
        if call.action == "RunInstances":
            aws.rules.after = lambda call: None
            raise Refused(503, "Unavailable", "The answer was lost on its way.")

    return lose

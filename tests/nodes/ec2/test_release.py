"""Only what carries our tag is ever ended."""

from __future__ import annotations

from contextlib import suppress

import pytest
from aws.behaviour import IMAGE
from aws.server import ELSEWHERE, REGION
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcluster_provider.core.errors import DClusterError, InvalidSpec
from dcluster_provider.nodes.ec2.cloud import Ec2
from dcluster_provider.nodes.ec2.instances import Backoff
from dcluster_provider.nodes.ec2.settings import Ec2Settings

MARK = "0" * 32
OURS = {"dcluster.io/deployment": "prod", "dcluster.io/request": MARK}
SETTINGS = Ec2Settings(conn_id="aws_test", region=REGION, image=IMAGE)


def test_instances_are_ended_in_batches_of_fifty(aws, ec2):
    ids = aws.add_instances(120, OURS)
    assert ec2.terminate(ids, REGION) == tuple(ids)
    assert aws.live() == set()
    assert [len(call.list("InstanceId")) for call in aws.calls("TerminateInstances")] == [50, 50, 20]


def test_what_is_gone_counts_as_given_back_and_hinders_nobody(aws, ec2):
    ids = aws.add_instances(4, OURS)
    ec2.terminate([ids[0]], REGION)
    ec2.terminate([ids[1]], REGION)
    aws.forget(ids[1])
    assert ec2.terminate(ids, REGION) == tuple(ids)
    assert ec2.terminate(ids, REGION) == tuple(ids)
    assert aws.live() == set()


def test_one_that_vanishes_between_the_look_and_the_end_splits_the_batch(aws, ec2):
    ids = aws.add_instances(9, OURS)

    def vanish(call):
        if call.action == "TerminateInstances":
            aws.forget(ids[4])

    aws.rules.before = vanish
    assert set(ec2.terminate(ids, REGION)) == set(ids)
    assert aws.live() == set()


def test_an_instance_that_is_protected_is_left_and_told(aws, ec2, caplog):
    ids = aws.add_instances(5, OURS)
    aws.rules.protected.add(ids[2])
    assert set(ec2.terminate(ids, REGION)) == set(ids) - {ids[2]}
    assert aws.live() == {ids[2]}
    assert "disableApiTermination" in caplog.text


def test_what_is_not_listed_yet_is_waited_for(aws, ec2, order):
    aws.rules.lag = (1, 3)
    ids = list(aws.client("", REGION, True).run_instances(
        ImageId="ami-0123456789abcdef0", InstanceType="m5.large", MinCount=3, MaxCount=3,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": it} for key, it in OURS.items()]}
        ],
    )["Instances"])  # fmt: skip
    wanted = [it["InstanceId"] for it in ids]
    assert set(ec2.terminate(wanted, REGION)) == set(wanted)
    assert aws.live() == set()


def test_others_are_left_and_named(aws, ec2, caplog):
    other = aws.add_instances(2, {"dcluster.io/deployment": "test"})
    untagged = aws.add_instances(1, {})
    ours = aws.add_instances(1, OURS)
    assert ec2.terminate([*other, *untagged, *ours], REGION) == tuple(ours)
    assert aws.live() == {*other, *untagged}
    assert f"{untagged[0]} in {REGION} is left: it does not carry the tag of deployment 'prod'" in caplog.text


@pytest.mark.parametrize(
    "bad",
    ["i-1", "m5.large", "i-0123456789ABCDEF0", "i-0123456789abcdef0\n", "i-\uff101234567", "gke-node-1", ""],
)
def test_ids_of_another_form_are_named(ec2, bad):
    with pytest.raises(InvalidSpec, match=r"field nodeIds: .* is not the id of an EC2 instance"):
        ec2.check_ids(["i-0123456789abcdef0", "i-01234567", bad])


# Values that a filter of EC2 takes for each other, that differ in case, or are almost ours.
DEPLOYMENTS = ["pro*", "prod", "pro?", "prod2", "PROD", "pr*d", "proud", "", None]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_done_instances_of_others_survive(aws, order, data):
    aws.begin()
    ours = data.draw(st.sampled_from(["pro*", "prod", "pro?"]))
    ec2 = Ec2(
        "d", SETTINGS.model_copy(update={"deployment": ours}), aws.client, None, Backoff(0.0, min_polls=1)
    )
    fleets = _fleets(aws, data)
    ids = sorted(set().union(*fleets.values()))
    for _ in range(data.draw(st.integers(1, 4))):
        what = data.draw(st.sampled_from(["terminate", "launch", "launch in vain", "surplus", "undo"]))
        aws.rules.rooms["m5.large"] = 1 if what == "launch in vain" else 9
        with suppress(DClusterError):
            if what == "terminate" and ids:
                ec2.terminate(data.draw(st.lists(st.sampled_from(ids), min_size=1, unique=True)), REGION)
            elif what == "undo":
                ec2.terminate([it.id for it in ec2.machines(REGION, mark=MARK)], REGION)
            else:
                ec2.launch(order(1 if what == "surplus" else 3))
        listed = {it.id for it in ec2.machines(REGION)}
        for (region, deployment), fleet in fleets.items():
            if (region, deployment) != (REGION, ours):
                assert fleet <= aws.live(region), (what, region, deployment)
                assert not fleet & listed


def _fleets(aws, data) -> dict[tuple[str, str | None], set[str]]:
    """Instances by region and deployment; some look as if they were of the order that is launched."""
    fleets = {}
    for region in (REGION, ELSEWHERE):
        for deployment in data.draw(st.lists(st.sampled_from(DEPLOYMENTS), max_size=4, unique=True)):
            tags = {} if deployment is None else {"dcluster.io/deployment": deployment}
            if data.draw(st.booleans()):
                tags |= {"dcluster.io/request": MARK, "dcluster.io/launch": "0/3/on-demand/m5.large/"}
            fleets[region, deployment] = set(aws.add_instances(data.draw(st.integers(1, 3)), tags, region))
    return fleets

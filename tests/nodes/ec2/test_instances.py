"""What EC2 tells: machines, all instances, instance types; over some time, and some however long each takes."""

from __future__ import annotations

import json
from threading import Thread
from types import SimpleNamespace

import pytest
from aws.server import ELSEWHERE, REGION

from dcluster_provider.core.errors import CloudUnavailable
from dcluster_provider.core.machines import Capacity
from dcluster_provider.nodes.ec2 import instances
from dcluster_provider.nodes.ec2 import instances as module
from dcluster_provider.nodes.ec2.catalog import Ec2Catalog
from dcluster_provider.nodes.ec2.clients import Ec2Clients
from dcluster_provider.nodes.ec2.instances import Backoff

OURS = {"dcluster.io/deployment": "prod"}


def test_a_thousand_nodes_are_listed_by_pages(aws, ec2, monkeypatch):
    monkeypatch.setattr(instances, "_PAGE", 100)
    ids = [it for _ in range(5) for it in aws.add_instances(200, OURS)]
    aws.add_instances(30, {"dcluster.io/deployment": "test"})
    assert sorted(it.id for it in ec2.machines(REGION)) == sorted(ids)
    calls = aws.calls("DescribeInstances")
    assert len(calls) == 10
    assert {call.parameters["MaxResults"] for call in calls} == {"100"}
    assert ec2.machines(ELSEWHERE) == []


def test_a_listing_that_breaks_off_is_no_listing(aws, ec2, monkeypatch):
    monkeypatch.setattr(instances, "_PAGE", 10)
    aws.add_instances(30, OURS)

    def break_off(call):
        if len(aws.calls("DescribeInstances")) > 1:
            aws.rules.errors["DescribeInstances"] = (400, "InvalidNextToken", "The token has expired.")

    aws.rules.before = break_off
    with pytest.raises(Exception, match="InvalidNextToken"):
        ec2.machines(REGION)
    with pytest.raises(Exception, match="InvalidNextToken"):
        list(ec2.list_instances(REGION))


def test_every_instance_of_the_account_is_told_of_as_json(aws, ec2):
    ids = aws.add_instances(3, OURS) + aws.add_instances(2, {})
    ec2.terminate(ids[:1], REGION)
    found = dict(ec2.list_instances(REGION))
    assert set(found) == set(ids)
    told = json.loads(json.dumps(found[ids[1]]))
    assert told["State"]["Name"] == "running"
    assert told["LaunchTime"].endswith("+00:00")
    assert not any("UserData" in key for key in told)


def test_instance_types_are_asked_for_once_an_hour_and_region(aws):
    now = [1000.0]
    catalog = Ec2Catalog(Ec2Clients("aws_test", aws.client), lambda: now[0])
    first = catalog.instance_types(REGION)
    assert len(first) > 500
    assert {"m5.large", "c5.xlarge"} <= first
    assert all(type(it) is str for it in first)
    threads = [Thread(target=catalog.instance_types, args=(REGION,)) for _ in range(4)]
    for it in threads:
        it.start()
    for it in threads:
        it.join()
    pages = len(aws.calls("DescribeInstanceTypeOfferings"))
    assert pages == -(-len(first) // 1000)
    assert catalog.instance_types(ELSEWHERE)
    asked = len(aws.calls("DescribeInstanceTypeOfferings"))
    assert asked > pages
    now[0] += 3599
    catalog.instance_types(REGION)
    assert len(aws.calls("DescribeInstanceTypeOfferings")) == asked
    now[0] += 2
    catalog.instance_types(REGION)
    assert len(aws.calls("DescribeInstanceTypeOfferings")) > asked


def test_capacities_are_those_of_the_types_and_unknown_ones_are_left_out(aws, ec2):
    wanted = ("m5.large", "m5.4xlarge", "m5.huge")
    gib = 2**30
    assert ec2.capacities(wanted, REGION) == {
        "m5.large": Capacity(2, 8 * gib),
        "m5.4xlarge": Capacity(16, 64 * gib),
    }
    assert ec2.capacities(("m5.large",), REGION) == {"m5.large": Capacity(2, 8 * gib)}
    assert len(aws.calls("DescribeInstanceTypes")) == 1


def test_a_region_that_cannot_be_reached_is_told(aws, make_ec2):
    from aws.server import make_client

    from dcluster_provider.nodes.ec2.cloud import Ec2

    ec2 = make_ec2()

    def nowhere(conn_id, region, once):
        return make_client(aws._session, "http://127.0.0.1:1", region, True)

    with pytest.raises(CloudUnavailable, match="EC2 in eu-west-1 cannot be reached"):
        Ec2("dcluster_test", ec2._settings, nowhere).machines(REGION)


@pytest.mark.parametrize(("answer_seconds", "looks"), [(0.0, 14), (1.0, 9), (60.0, 6)])
def test_there_are_looks_until_the_time_is_over_and_some_in_any_case(monkeypatch, answer_seconds, looks):
    now = 0.0

    def pass_(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now, sleep=pass_))
    seen = []
    for look in Backoff(20.0, 0.2).polls():
        pass_(answer_seconds)
        seen.append(look)
    assert seen == list(range(looks))

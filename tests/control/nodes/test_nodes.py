"""Machines of a connection without a cloud, and what is remembered of instances."""

from __future__ import annotations

import pytest

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.machines import NodeRequest
from dcluster_provider.core.spec import parse

REQUEST = {"nodeCount": 3, "instanceType": "m5.large", "region": "us-west-2"}


def test_the_request_of_the_api_is_read():
    request = parse(NodeRequest, REQUEST)
    assert (request.node_count, request.instance_type, request.region) == (3, "m5.large", "us-west-2")
    assert parse(NodeRequest, request.as_json()) == request


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nodeCount": 0}, "field nodeCount: has to be at least 1"),
        ({"nodeCount": True}, "field nodeCount: has to be a number"),
        ({"nodecount": 3}, "unknown field 'nodecount'; did you mean 'node_count'?"),
        ({"instanceType": ""}, "field instanceType: is empty"),
    ],
)
def test_a_bad_request_names_the_field(changes, words):
    with pytest.raises(InvalidSpec) as refused:
        parse(NodeRequest, {**REQUEST, **changes})
    assert words in str(refused.value)


def test_machines_without_a_cloud_are_neither_made_nor_destroyed(control):
    with pytest.raises(
        InvalidSpec, match=r"3 nodes of type 'm5.large' cannot be launched.*name a connection"
    ):
        control.nodes.launch(REQUEST)
    with pytest.raises(InvalidSpec, match=r"the nodes i-1 cannot be destroyed"):
        control.nodes.destroy(["i-1"])
    with pytest.raises(InvalidSpec, match="field node_ids"):
        control.nodes.destroy([])
    assert control.nodes.instance_types() == frozenset()
    assert control.nodes.sync_instances() == 0
    assert (
        control.nodes.clean_up().summary()
        == "Node clean-up: checked 0 machines, 0 nodes, 0 unused; done nothing; left 0"
    )


def test_an_instance_is_remembered_as_it_told_last(control):
    control.nodes.record_instance("i-1", {"state": "pending"})
    control.nodes.record_instance("i-1", {"state": "running", "tags": ["a"]})
    assert control.registry.instances.get("i-1").info == {"state": "running", "tags": ["a"]}


@pytest.mark.parametrize(
    ("instance_id", "info", "words"),
    [
        ("", {}, "field instanceId"),
        ("a\nb", {}, "field instanceId"),
        ("i" * 254, {}, "field instanceId"),
        ("i-1", [], "is not a JSON object"),
        ("i-1", {"load": float("nan")}, "cannot be stored as JSON"),
        ("i-1", {"text": "x" * 65_536}, "the most is 65536"),
    ],
)
def test_what_cannot_be_stored_of_an_instance(control, instance_id, info, words):
    with pytest.raises(InvalidSpec) as refused:
        control.nodes.record_instance(instance_id, info)
    assert words in str(refused.value)

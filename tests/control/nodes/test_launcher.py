"""From a request for nodes to nodes that are ready: what is launched, waited for, given up and given back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from memory_nodes import MemoryCloud, MemoryCluster

from dcluster_provider.control.nodes.nodes import Nodes
from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.control.settings import Settings
from dcluster_provider.core.errors import InvalidSpec, NodesFailed, WaitTimeout
from dcluster_provider.core.machines import MachineState

REQUEST = {"nodeCount": 3, "instanceType": "small"}


@pytest.fixture
def cloud() -> MemoryCloud:
    return MemoryCloud(MemoryCluster())


@pytest.fixture
def ec2(settings) -> Settings:
    return settings.model_copy(update={"nodes": NodeSettings(cloud="ec2")})


@pytest.fixture
def nodes(control, cloud, ec2) -> Nodes:
    return Nodes(control.registry, cloud, cloud.cluster, ec2)


def age(cloud: MemoryCloud, **by: float) -> None:
    for machine in list(cloud.fleet.values()):
        then = datetime.now(timezone.utc) - timedelta(**by)
        cloud.fleet[machine.id] = replace(machine, launched_at=then)


def test_machines_are_launched_once_however_often_they_are_asked_for(nodes, cloud):
    first = nodes.launch(REQUEST, "key")
    assert first.is_finished
    assert nodes.launch(REQUEST, "key").ids == first.ids
    assert nodes.poll_launch(REQUEST, "key").ids == first.ids
    assert len(cloud.live()) == 3
    assert set(nodes.launch(REQUEST, "another").ids).isdisjoint(first.ids)


def test_each_stage_is_told_until_all_are_ready(nodes, cloud):
    cloud.starts, cloud.joins = MachineState.STARTING, False
    assert str(nodes.launch(REQUEST, "key")) == "3 of 3 nodes: 3 starting"
    cloud.run("m-0000")
    assert str(nodes.poll_launch(REQUEST, "key")) == "3 of 3 nodes: 2 starting, 1 joining"
    cloud.run()
    cloud.cluster.add_node("a", "memory:///m-0000", ready=False)
    cloud.cluster.add_node("b", "memory:///m-0001")
    launch = nodes.poll_launch(REQUEST, "key")
    assert str(launch) == "3 of 3 nodes: 1 joining, 1 not ready, 1 ready"
    assert not launch.is_finished
    told: list[str] = []
    with pytest.raises(WaitTimeout, match="1 joining, 1 not ready, 1 ready"):
        nodes.wait_for_launch(REQUEST, "key", 0, 0.01, told.append)
    cloud.cluster.add_node("a", "memory:///m-0000")
    cloud.cluster.add_node("c", "memory:///m-0002")
    assert nodes.wait_for_launch(REQUEST, "key", 10, 0.01, told.append).is_finished
    assert told == ["3 of 3 nodes: 1 joining, 1 not ready, 1 ready", "3 of 3 nodes: 3 ready"]


@pytest.mark.parametrize(
    ("starts", "minutes", "words"),
    [
        (MachineState.STARTING, 6, "is still starting after 360 s"),
        (MachineState.RUNNING, 16, "runs, but is no node of Kubernetes after 960 s"),
    ],
)
def test_what_is_late_is_given_back_and_a_repetition_launches_another(nodes, cloud, starts, minutes, words):
    cloud.joins, cloud.starts = False, starts
    nodes.launch(REQUEST, "key")
    age(cloud, minutes=minutes)
    with pytest.raises(NodesFailed) as failed:
        nodes.poll_launch(REQUEST, "key")
    assert words in str(failed.value)
    assert failed.value.diagnosis.code == "NodeNotReady"
    assert cloud.live() == set()
    cloud.joins, cloud.starts = True, MachineState.RUNNING
    assert nodes.launch(REQUEST, "key").is_finished
    assert len(cloud.live()) == 3


def test_a_node_that_is_never_ready_is_late_as_well(nodes, cloud):
    cloud.joins = False
    nodes.launch(REQUEST, "key")
    for number in range(3):
        cloud.cluster.add_node(f"n{number}", f"memory:///m-000{number}", ready=number > 0)
    age(cloud, minutes=16)
    with pytest.raises(NodesFailed, match="m-0000 is a node of Kubernetes, but not ready"):
        nodes.poll_launch(REQUEST, "key")
    assert cloud.live() == {"m-0001", "m-0002"}


def test_a_machine_that_ended_fails_the_launch_with_the_clouds_reason(nodes, cloud):
    nodes.launch(REQUEST, "key")
    spot = replace(cloud.fleet["m-0001"], state=MachineState.GONE, reason="Server.SpotInstanceTermination")
    cloud.fleet["m-0001"] = spot
    with pytest.raises(NodesFailed, match=r"m-0001: GONE Server.SpotInstanceTermination"):
        nodes.poll_launch(REQUEST, "key")
    assert len(nodes.launch(REQUEST, "key").ids) == 3


def test_a_launch_that_nobody_wants_any_more_is_given_back_and_nothing_else(nodes, cloud):
    nodes.launch(REQUEST, "key")
    kept = nodes.launch(REQUEST, "another").ids
    assert nodes.undo_launch(REQUEST, "key") == ("m-0000", "m-0001", "m-0002")
    assert cloud.live() == set(kept)
    assert nodes.undo_launch(REQUEST, "key") == ()


def test_without_a_kubernetes_a_machine_that_runs_is_ready(control, cloud, ec2):
    nodes = Nodes(control.registry, cloud, None, ec2)
    assert nodes.launch(REQUEST, "key").is_finished


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nodeCount": 101}, "101 is more than the 100 nodes that one request may have"),
        ({"nodeCount": 10_000}, "raise max_nodes of the connection"),
        ({"nodeCount": 0}, "field nodeCount: has to be at least 1"),
        ({"nodeCount": -1}, "field nodeCount: has to be at least 1"),
        ({"instanceType": "smal"}, "did you mean 'small'"),
        ({"region": "here-2"}, "did you mean 'here-1'"),
        ({"alternativeTypes": ["large"] * 60}, "alternativeTypes"),
    ],
)
def test_bad_input_is_refused_before_anything_is_launched(nodes, cloud, changes, words):
    with pytest.raises(InvalidSpec) as refused:
        nodes.launch({**REQUEST, **changes}, "key")
    assert words in str(refused.value)
    assert not cloud.fleet


def test_a_cloud_without_capacity_fails_the_launch_and_keeps_nothing(nodes, cloud):
    cloud.stock = {"small": 2}
    with pytest.raises(NodesFailed, match="no such machines left"):
        nodes.launch(REQUEST, "key")
    assert cloud.live() == set()
    cloud.stock = {"small": 2, "large": 5}
    assert len(nodes.launch({**REQUEST, "alternativeTypes": ["large"]}, "key").ids) == 3


def test_what_the_cloud_does_not_list_yet_has_not_ended(nodes, cloud):
    nodes.launch(REQUEST, "key")
    cloud.unlisted = {"m-0001"}
    assert nodes.poll_launch(REQUEST, "key").is_finished
    assert len(cloud.fleet) == 3


def test_machines_that_two_launched_at_once_beyond_what_was_wanted_go_with_the_next_look(nodes, cloud):
    mark = cloud.fleet[nodes.launch(REQUEST, "key").ids[0]].mark
    cloud.add("m-surplus", mark=mark)
    assert len(nodes.poll_launch(REQUEST, "key").ids) == 3
    assert len(cloud.live()) == 3

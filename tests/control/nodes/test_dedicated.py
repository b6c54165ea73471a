"""Clusters that have nodes of their own (launchNewNode): launched with them, bound to them, given back with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hanging import HANG_SECONDS
from memory_nodes import MemoryCloud, MemoryCluster

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.nodes import dedicated
from dcluster_provider.control.nodes.dedicated import DedicatedNodes
from dcluster_provider.control.nodes.launcher import NodeLauncher
from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.core.errors import ClusterFailed, InvalidSpec
from dcluster_provider.core.identity import NODES_OF
from dcluster_provider.core.machines import MachineState
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase
from dcluster_provider.core.record import ClusterState
from dcluster_provider.nodes.ec2.settings import Ec2Settings

SPEC = {"tenant": "team", "workers": 4, "workerCpu": "1", "workerMemory": "4Gi", "launchNewNode": True}


@pytest.fixture
def cloud() -> MemoryCloud:
    return MemoryCloud(MemoryCluster())


@pytest.fixture(autouse=True)
def _look_each_time(monkeypatch) -> None:
    monkeypatch.setattr(dedicated, "_POLL_SECONDS", 0.0)


@pytest.fixture
def make_clusters(control, platform, settings, cloud) -> Callable[..., Clusters]:
    def make(**changes: Any) -> Clusters:
        wanted = {"cloud_settings": Ec2Settings(), "cluster_instance_types": ("small", "large")}
        nodes = NodeSettings(**(wanted | changes))
        launching = NodeLauncher(cloud, cloud.cluster, nodes, settings.deployment)
        return Clusters(control.registry, platform, settings, DedicatedNodes(launching, cloud, nodes))

    return make


@pytest.fixture
def clusters(make_clusters) -> Clusters:
    return make_clusters()


def test_a_cluster_gets_as_many_nodes_as_its_pods_need_marked_for_it_alone(clusters, cloud):
    cluster = clusters.launch(SPEC)
    # Of two cores a third is the system's and the daemons', so each of the five pods has a node of its own.
    assert {machine.cluster for machine in cloud.fleet.values()} == {cluster.name}
    assert len(cloud.live()) == 5
    nodes = list(cloud.cluster.by_name.values())
    assert {node.labels[NODES_OF] for node in nodes} == {cluster.name}
    for node in nodes:
        assert cloud.cluster.taints[node.name] == [
            {"key": NODES_OF, "value": cluster.name, "effect": "NoSchedule"}
        ]


def test_they_go_with_the_cluster_and_those_of_others_stay(clusters, cloud):
    other = clusters.launch(SPEC | {"tenant": "other"})
    cluster = clusters.launch(SPEC)
    cloud.add("m-9999")
    clusters.terminate(cluster.id)
    assert clusters.get(cluster.id).state is ClusterState.TERMINATED
    kept = {it.id for it in cloud.fleet.values() if it.cluster == other.name}
    assert cloud.live() == kept | {"m-9999"}


def test_they_go_with_the_cluster_even_when_the_connection_names_no_type_any_more(
    clusters, make_clusters, cloud
):
    cluster = clusters.launch(SPEC)
    later = make_clusters(cluster_instance_types=())
    later.terminate(cluster.id)
    assert cloud.live() == set()


def test_a_launch_that_is_repeated_after_a_crash_has_the_same_nodes(clusters, cloud, platform):
    class Killed(BaseException):
        pass

    for name in ("launch", "nodes", "label"):

        def kill_at(method: str, wanted: str = name) -> None:
            if method == wanted:
                raise Killed

        cloud.before = cloud.cluster.before = kill_at
        with pytest.raises(Killed):
            clusters.launch(SPEC, "key")
        cloud.before = cloud.cluster.before = lambda _name: None
    cluster = clusters.launch(SPEC, "key")
    assert len(cloud.fleet) == 5
    clusters.terminate(cluster.id)
    assert cloud.live() == set()


def test_a_cloud_without_capacity_fails_the_cluster_with_the_clouds_word(clusters, cloud, platform):
    cloud.stock = {"small": 1}
    with pytest.raises(ClusterFailed, match="no such machines left"):
        clusters.launch(SPEC)
    assert cloud.live() == set()
    assert platform.clusters == {}


def test_nodes_that_do_not_join_fail_the_cluster_that_waits_for_them(clusters, cloud, platform):
    cloud.joins = False
    cluster = clusters.launch(SPEC)
    platform.clusters[cluster.name] = ClusterObservation(ClusterPhase.STARTING)
    assert clusters.status(cluster.id) is ClusterState.PROVISIONING
    for machine in list(cloud.fleet.values()):
        then = datetime.now(timezone.utc) - timedelta(minutes=16)
        cloud.fleet[machine.id] = replace(machine, launched_at=then)
    with pytest.raises(ClusterFailed, match="no node of Kubernetes after 960 s"):
        clusters.wait(cluster.id, timeout=HANG_SECONDS, poll_interval=0.01)
    assert clusters.get(cluster.id).state is ClusterState.FAILED
    assert cloud.live() == set()


def test_what_is_looked_at_while_the_cloud_is_silent_is_left(clusters, cloud, platform):
    cluster = clusters.launch(SPEC)
    platform.clusters[cluster.name] = ClusterObservation(ClusterPhase.STARTING)
    cloud.fails = {"machines"}
    assert clusters.status(cluster.id) is ClusterState.PROVISIONING
    cloud.fails = set()
    assert len(cloud.live()) == 5


@pytest.mark.parametrize(
    ("spec", "changes", "words"),
    [
        ({}, {"cluster_instance_types": ()}, "name one or several in cluster_instance_types"),
        ({}, {"cluster_instance_types": ("tiny",)}, "does not know the instance type 'tiny'"),
        ({"workerMemory": "64Gi"}, {}, "does not fit a node of type small"),
        ({"workers": 1000}, {}, "is more than the 100 nodes"),
    ],
)
def test_what_cannot_be_launched_is_refused_with_nothing_stored(make_clusters, cloud, spec, changes, words):
    clusters = make_clusters(**changes)
    with pytest.raises(InvalidSpec) as refused:
        clusters.launch(SPEC | spec)
    assert words in str(refused.value)
    assert clusters.list() == []
    assert not cloud.fleet


def test_a_cluster_that_asks_for_none_gets_none(clusters, cloud):
    cluster = clusters.launch(SPEC | {"launchNewNode": False})
    clusters.terminate(cluster.id)
    assert cloud.requests == []


def test_what_is_starting_already_counts(clusters, cloud):
    cloud.starts = MachineState.STARTING
    clusters.launch(SPEC, "key")
    clusters.launch(SPEC, "key")
    assert len(cloud.fleet) == 5


def test_a_cluster_ends_when_its_nodes_are_given_back_and_not_before(clusters, cloud):
    cluster = clusters.launch(SPEC)
    cloud.fails = {"terminate"}
    assert clusters.terminate(cluster.id).state is ClusterState.TERMINATING
    assert clusters.status(cluster.id) is ClusterState.TERMINATING
    cloud.fails = set()
    assert clusters.status(cluster.id) is ClusterState.TERMINATED
    assert cloud.live() == set()

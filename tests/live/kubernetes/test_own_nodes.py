"""A cluster with nodes of its own on a real API server: its pods wait for them, are bound to them, and they go with it.

kwok plays the nodes; the cloud that launches them is the one in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hanging import HANG_SECONDS
from memory_nodes import MemoryCloud, MemoryCluster

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.nodes.dedicated import DedicatedNodes
from dcluster_provider.control.nodes.launcher import NodeLauncher
from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.core.identity import NODES_OF
from dcluster_provider.core.machines import Machine, MachineState
from dcluster_provider.core.record import Cluster, ClusterState
from dcluster_provider.nodes.ec2.settings import Ec2Settings
from dcluster_provider.platforms.kubernetes.permissions import Subject, rbac_manifest
from tests.live.kubernetes.conftest import GONE, Bench, until

SPEC = {"tenant": "team", "workers": 2, "workerMemory": "1Gi", "masterMemory": "512Mi", "launchNewNode": True}
NODES = NodeSettings(cloud="ec2", cloud_settings=Ec2Settings(), cluster_instance_types=("small",))


@dataclass
class KwokCloud(MemoryCloud):
    """Machines that become nodes which kwok plays."""

    testbed: Any = None

    def _join(self, machine: Machine) -> None:
        self.testbed.add_fake_nodes(int(machine.id[2:]) + 1, "memory:///m-{number:04}")

    def _leave(self, machine: Machine) -> None:
        self.testbed.kubectl("delete", "node", f"fake-{int(machine.id[2:])}", "--ignore-not-found")


@dataclass
class OwnNodes:
    """The use cases of clusters, the cloud and the cluster's Kubernetes."""

    bench: Bench
    cloud: KwokCloud
    clusters: Clusters

    def pods(self, cluster: Cluster) -> dict[str, str]:
        """The node of each pod of a cluster, empty while it has none."""
        found = self.bench.testbed.get(
            "get",
            "pods",
            f"--namespace={self.bench.connection.namespace}",
            f"--selector=dcluster.io/cluster-name={cluster.name}",
        )
        return {pod["metadata"]["name"]: pod["spec"].get("nodeName", "") for pod in found["items"]}


@pytest.fixture
def own(bench) -> Iterator[OwnNodes]:
    if bench.testbed.kind != "built":
        pytest.skip("needs nodes that kwok plays")
    namespace = bench.connection.namespace
    account = Subject("ServiceAccount", "airflow", namespace)
    bench.testbed.apply(*rbac_manifest([namespace], [account], nodes=True))
    control = bench.control(new_node_timeout=600, tolerations='[{"key": "kwok", "operator": "Exists"}]')
    settings = control.clusters._settings.model_copy(update={"nodes": NODES})
    cloud = KwokCloud(MemoryCluster(), testbed=bench.testbed, starts=MachineState.STARTING)
    launching = NodeLauncher(cloud, control.platform.nodes, NODES, settings.deployment)
    clusters = Clusters(control.registry, control.platform, settings, DedicatedNodes(launching, cloud, NODES))
    yield OwnNodes(bench, cloud, clusters)
    for cluster in clusters.list():
        clusters.terminate(cluster.id)
        clusters.wait(cluster.id, GONE, timeout=HANG_SECONDS, poll_interval=0.2)
    bench.testbed.remove_fake_nodes()
    bench.testbed.kubectl("delete", "clusterrolebinding", f"dcluster-nodes-{namespace}", "--ignore-not-found")


def test_pods_wait_for_the_nodes_are_bound_to_them_alone_and_the_nodes_go_with_the_cluster(own):
    cluster = own.clusters.launch(SPEC)
    assert (
        len(own.cloud.live()) == 3
    )  # of two cores a third is not for pods, so each pod has a node of its own
    assert until(lambda: len(own.pods(cluster)) == 3)
    assert set(own.pods(cluster).values()) == {""}
    assert own.clusters.status(cluster.id) is ClusterState.PROVISIONING
    own.cloud.run()
    running = own.clusters.wait(cluster.id, timeout=HANG_SECONDS, poll_interval=0.5)
    assert running.workers_ready == 2
    assert set(own.pods(cluster).values()) <= {"fake-0", "fake-1", "fake-2"}
    for node in own.bench.testbed.get("get", "nodes", "--selector=type=kwok")["items"]:
        assert node["metadata"]["labels"][NODES_OF] == cluster.name
        taint = {"key": NODES_OF, "value": cluster.name, "effect": "NoSchedule"}
        assert taint in node["spec"]["taints"]
    own.clusters.terminate(cluster.id)
    assert (
        own.clusters.wait(cluster.id, GONE, timeout=HANG_SECONDS, poll_interval=0.5).state
        is ClusterState.TERMINATED
    )
    assert own.cloud.live() == set()
    assert own.bench.testbed.get("get", "nodes", "--selector=type=kwok")["items"] == []
    assert own.bench.left() == []


@pytest.mark.long
def test_another_cluster_does_not_take_its_nodes(own):
    own.cloud.starts = MachineState.RUNNING
    first = own.clusters.launch(SPEC)
    own.clusters.wait(first.id, timeout=HANG_SECONDS, poll_interval=0.5)
    second = own.clusters.launch(SPEC | {"workers": 1})
    own.clusters.wait(second.id, timeout=HANG_SECONDS, poll_interval=0.5)
    assert set(own.pods(first).values()).isdisjoint(own.pods(second).values())
    own.clusters.terminate(first.id)
    own.clusters.wait(first.id, GONE, timeout=HANG_SECONDS, poll_interval=0.5)
    assert own.clusters.status(second.id) is ClusterState.RUNNING

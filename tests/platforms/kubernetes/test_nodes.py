"""What is read of nodes and pods, and lists that get too old. The API server's own answers: tests/live/kubernetes."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from dcluster_provider.core.cluster_nodes import SAFE_TO_EVICT, ClusterNode, NodePod
from dcluster_provider.core.errors import PlatformUnavailable
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.nodes import KubernetesNodes

AT = datetime(2026, 3, 29, 1, 30, tzinfo=timezone.utc)
NODE = {
    "metadata": {
        "name": "ip-10-0-0-1",
        "uid": "u1",
        "creationTimestamp": "2026-03-29T01:30:00Z",
        "labels": {"type": "m5.large"},
        "annotations": {"a": "b"},
    },
    "spec": {"providerID": "aws:///eu-west-1a/i-1", "unschedulable": True},
    "status": {
        "conditions": [{"type": "MemoryPressure", "status": "True"}, {"type": "Ready", "status": "True"}]
    },
}
BARE_NODE = {"metadata": {"name": "rack", "uid": "u2"}, "spec": {}, "status": {}}
POD = {
    "metadata": {
        "name": "web-1",
        "namespace": "default",
        "uid": "p1",
        "deletionTimestamp": "2026-03-29T01:30:00Z",
        "annotations": {SAFE_TO_EVICT: "false", "huge": "x" * 1000},
        "ownerReferences": [{"kind": "Other", "uid": "o"}, {"kind": "ReplicaSet", "controller": True}],
    },
    "spec": {
        "nodeName": "rack",
        "volumes": [
            {"name": "disk", "emptyDir": {}},
            {"name": "memory", "emptyDir": {"medium": "Memory"}},
            {"name": "host", "hostPath": {"path": "/"}},
            {"name": "claim", "persistentVolumeClaim": {"claimName": "c"}},
        ],
    },
    "status": {"phase": "Running"},
}
MIRROR = {
    "metadata": {
        "name": "etcd",
        "namespace": "kube-system",
        "uid": "p2",
        "annotations": {"kubernetes.io/config.mirror": "hash"},
        "ownerReferences": [{"kind": "Node", "controller": True}],
    },
    "spec": {"nodeName": "rack"},
    "status": {},
}


class Pages:
    """An API that gives pages, and tells before the last one of the first lists that they got too old."""

    def __init__(self, *pages, outdated=0) -> None:
        self.found, self.outdated, self.asked = pages, outdated, []

    def pages(self, path, query):
        self.asked.append((path, dict(query)))
        yield from self.found[:-1]
        if self.outdated:
            self.outdated -= 1
            raise ApiRefused(410, "Expired", "The provided continue parameter is too old")
        yield self.found[-1]


def test_nodes_are_read_from_all_pages():
    nodes = KubernetesNodes(Pages({"items": [NODE]}, {"items": [BARE_NODE]})).nodes()
    assert nodes == [
        ClusterNode(
            "ip-10-0-0-1",
            "u1",
            "aws:///eu-west-1a/i-1",
            ready=True,
            cordoned=True,
            created_at=AT,
            labels={"type": "m5.large"},
            annotations={"a": "b"},
        ),
        ClusterNode(
            "rack",
            "u2",
            "",
            ready=False,
            cordoned=False,
            created_at=datetime(1970, 1, 1, tzinfo=timezone.utc),
        ),
    ]


def test_pods_keep_what_decisions_are_made_by():
    pods = KubernetesNodes(Pages({"items": [POD, MIRROR]})).pods()
    assert pods == [
        NodePod(
            "default",
            "web-1",
            "p1",
            "rack",
            "ReplicaSet",
            "Running",
            ends_at=AT,
            annotations={SAFE_TO_EVICT: "false"},
            local_volumes=("disk", "host"),
        ),
        NodePod("kube-system", "etcd", "p2", "rack", "Node", "Pending", mirror=True),
    ]


def test_a_list_that_got_too_old_is_read_anew_and_never_told_in_part():
    api = Pages({"items": [NODE]}, {"items": [BARE_NODE]}, outdated=2)
    assert [node.name for node in KubernetesNodes(api).nodes()] == ["ip-10-0-0-1", "rack"]
    assert len(api.asked) == 3
    with pytest.raises(PlatformUnavailable, match="could not be listed to its end"):
        KubernetesNodes(Pages({"items": [NODE]}, {"items": []}, outdated=99)).nodes()


def test_pods_of_few_nodes_are_asked_for_by_node_and_those_of_many_in_one_list():
    api = Pages({"items": [POD]})
    KubernetesNodes(api).pods(["rack", "rack", "other"])
    assert [query["fieldSelector"] for _, query in api.asked] == ["spec.nodeName=rack", "spec.nodeName=other"]
    api.asked.clear()
    assert [pod.name for pod in KubernetesNodes(api).pods([f"n-{it}" for it in range(20)] + ["rack"])] == [
        "web-1"
    ]
    assert [query["fieldSelector"] for _, query in api.asked] == ["spec.nodeName!="]

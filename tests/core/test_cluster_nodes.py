from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from dcluster_provider.core.cluster_nodes import (
    KEEP_NODE,
    SAFE_TO_EVICT,
    SAFE_VOLUMES,
    ClusterNode,
    NodePod,
    is_kept,
    is_work,
    why_not_evicted,
    work_by_node,
)

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=timezone.utc)


def pod(owner: str = "ReplicaSet", phase: str = "Running", **more) -> NodePod:
    return NodePod("default", "web", "uid", "node", owner, phase, **more)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (pod(), True),
        (pod(""), True),
        (pod(phase="Pending"), True),
        (pod(phase="Unknown"), True),
        (pod(ends_at=NOW + timedelta(hours=1)), True),
        (pod(ends_at=NOW - timedelta(seconds=60)), True),
        (pod(ends_at=NOW - timedelta(seconds=61)), False),
        (pod("DaemonSet"), False),
        (pod("Node", mirror=True), False),
        (pod("Job", "Succeeded"), False),
        (pod("", "Failed"), False),
    ],
)
def test_what_uses_a_node(subject, expected):
    assert is_work(subject, NOW) is expected
    assert work_by_node([subject], NOW) == ({"node": [subject]} if expected else {})


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        (pod(), ""),
        (pod("StatefulSet"), ""),
        (pod(""), "no controller"),
        (pod("", annotations={SAFE_TO_EVICT: "true"}), ""),
        (pod(annotations={SAFE_TO_EVICT: "false"}), "safe-to-evict is false"),
        (pod(annotations={SAFE_TO_EVICT: "maybe"}), ""),
        (pod(local_volumes=("scratch",)), "its volume scratch"),
        (pod(local_volumes=("a", "b"), annotations={SAFE_VOLUMES: "a, b"}), ""),
        (pod(local_volumes=("a", "b"), annotations={SAFE_VOLUMES: "a"}), "its volume b"),
        (pod(local_volumes=("a",), annotations={SAFE_TO_EVICT: "true"}), ""),
        (pod("", ends_at=NOW), ""),
    ],
)
def test_what_must_not_be_moved(subject, why):
    told = why_not_evicted(subject)
    assert (why in told) if why else told == ""


def test_a_node_is_kept_only_when_somebody_says_so():
    def node(**annotations):
        return ClusterNode("n", "uid", "", True, False, NOW, annotations=annotations)

    assert is_kept(node(**{KEEP_NODE: "true"}))
    assert not is_kept(node(**{KEEP_NODE: "false"}))
    assert not is_kept(node())

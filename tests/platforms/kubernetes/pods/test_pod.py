from __future__ import annotations

from datetime import datetime, timezone

import pytest

from dcluster_provider.platforms.kubernetes.pods.pod import read_event, read_pod, read_time


def _pod(status: dict | None = None, spec: dict | None = None, labels: dict | None = None) -> dict:
    return {
        "metadata": {
            "name": "spark3-dev-a-worker-0",
            "namespace": "data",
            "uid": "u1",
            "creationTimestamp": "2026-11-24T10:00:00Z",
            "labels": labels or {},
        },
        "spec": spec or {"containers": [{"name": "engine", "image": "spark:3.5.9"}]},
        "status": status or {},
    }


def test_a_pod_of_which_nothing_is_known_yet():
    pod = read_pod(_pod())
    assert (pod.phase, pod.node, pod.scheduled, pod.ready, pod.deleting) == (
        "Pending",
        "",
        False,
        False,
        False,
    )
    assert pod.created_at == datetime(2026, 11, 24, 10, tzinfo=timezone.utc)
    assert (pod.role, pod.cluster_name, pod.job_id) == ("", "", None)
    assert [(c.name, c.image, c.exit_code, c.running_since) for c in pod.containers] == [
        ("engine", "spark:3.5.9", None, None)
    ]


def test_labels_of_others_are_not_kept():
    labels = {
        "dcluster.io/role": "worker",
        "dcluster.io/cluster-name": "spark3-dev-a",
        "dcluster.io/job-id": "17",
        "app": "x",
    }
    pod = read_pod(_pod(labels=labels))
    assert (pod.role, pod.cluster_name, pod.job_id) == ("worker", "spark3-dev-a", 17)
    assert "app" not in pod.labels


def test_a_job_id_that_is_no_number_is_none():
    assert read_pod(_pod(labels={"dcluster.io/job-id": "x"})).job_id is None


def test_the_scheduler_says_what_it_waits_for():
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient cpu.",
        "lastTransitionTime": "2026-11-24T10:00:05Z",
    }
    pod = read_pod(_pod({"phase": "Pending", "conditions": [condition]}))
    assert pod.unschedulable == "0/1 nodes are available: 1 Insufficient cpu."
    assert pod.unschedulable_since == datetime(2026, 11, 24, 10, 0, 5, tzinfo=timezone.utc)


def test_a_scheduled_and_ready_pod_waits_for_nothing():
    conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}]
    spec = {"nodeName": "n1", "containers": [{"name": "engine", "image": "i"}]}
    pod = read_pod(_pod({"phase": "Running", "podIP": "10.0.0.7", "conditions": conditions}, spec))
    assert (pod.scheduled, pod.ready, pod.unschedulable, pod.node, pod.ip) == (
        True,
        True,
        "",
        "n1",
        "10.0.0.7",
    )


def test_a_container_that_was_restarted_tells_of_its_end_before():
    status = {
        "containerStatuses": [
            {
                "name": "engine",
                "restartCount": 2,
                "ready": True,
                "started": True,
                "state": {"running": {"startedAt": "2026-11-24T10:01:00Z"}},
                "lastState": {
                    "terminated": {
                        "exitCode": 137,
                        "reason": "OOMKilled",
                        "message": "last line",
                        "finishedAt": "2026-11-24T10:00:59Z",
                    }
                },
            }
        ]
    }
    engine = read_pod(_pod(status)).engine
    assert engine is not None
    assert (engine.restarts, engine.ready, engine.started, engine.exit_code) == (2, True, True, None)
    assert (engine.last_exit_code, engine.last_exit_reason, engine.last_exit_message) == (
        137,
        "OOMKilled",
        "last line",
    )
    assert engine.running_since == datetime(2026, 11, 24, 10, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("names", "engine"),
    [
        (["sidecar", "engine"], "engine"),
        (["spark-kubernetes-executor", "sidecar"], "spark-kubernetes-executor"),
    ],
)
def test_the_engine_among_the_containers(names, engine):
    spec = {
        "initContainers": [{"name": "gate", "image": "i"}],
        "containers": [{"name": name, "image": "i"} for name in names],
    }
    pod = read_pod(_pod(spec=spec))
    assert pod.engine is not None
    assert pod.engine.name == engine
    assert [container.init for container in pod.containers] == [True, False, False]


def test_a_pod_that_is_taken_away():
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
    }
    json = _pod({"phase": "Failed", "conditions": [condition]})
    json["metadata"]["deletionTimestamp"] = "2026-11-24T11:00:00Z"
    pod = read_pod(json)
    assert (pod.is_over, pod.deleting, pod.disruption_reason) == (True, True, "EvictionByEvictionAPI")


_ABOUT = {"kind": "Pod", "name": "p", "uid": "u1"}


@pytest.mark.parametrize(
    ("times", "count", "at"),
    [
        (
            {"firstTimestamp": "2026-11-24T09:01:00Z", "lastTimestamp": "2026-11-24T10:00:02Z", "count": 4},
            4,
            "2026-11-24T10:00:02Z",
        ),
        (
            {"lastTimestamp": None, "eventTime": "2026-11-24T10:00:03.250000Z"},
            1,
            "2026-11-24T10:00:03.250000Z",
        ),
        (
            {
                "eventTime": "2026-11-24T10:00:03.250000Z",
                "series": {"count": 7, "lastObservedTime": "2026-11-24T10:09:00.000000Z"},
            },
            7,
            "2026-11-24T10:09:00.000000Z",
        ),
        ({}, 1, "2026-11-24T09:00:00Z"),
    ],
)
def test_an_event_of_either_way_of_counting(times, count, at):
    metadata = {"creationTimestamp": "2026-11-24T09:00:00Z"}
    json = {"metadata": metadata, "involvedObject": _ABOUT, "type": "Warning", "reason": "Failed", **times}
    event = read_event(json)
    assert (event.kind, event.name, event.uid, event.warning) == ("Pod", "p", "u1", True)
    assert (event.count, event.last_at) == (count, read_time(at))
    assert event.first_at == read_time(
        json.get("firstTimestamp") or json.get("eventTime") or "2026-11-24T09:00:00Z"
    )

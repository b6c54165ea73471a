"""Clusters in queues of a real Kueue: they wait, start as a whole, are preempted, and none starves another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hanging import HANG_SECONDS
from kueue import Kueue, running_kueue
from local_platform import APPLICATIONS

from dcluster_provider.core.errors import ClusterFailed
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.platforms.kubernetes.permissions import Subject, rbac_manifest
from tests.live.kubernetes.conftest import ENDED, GONE, SMALL, address_for, ended, gone, submit, until

pytestmark = pytest.mark.long  # building Kueue takes minutes
PLENTY = {"cpu": "100", "memory": "100Gi"}
ONE_CLUSTER = {"pods": "2"}
SMALL_JOB = {"workerMemGb": 0.5, "numWorkers": 1, "masterMemory": "512Mi"}


@pytest.fixture(scope="module")
def kueue(bench, testbed, tmp_path_factory) -> Iterator[Kueue]:
    namespace = bench.connection.namespace
    airflow = [Subject("ServiceAccount", "airflow", namespace)]
    testbed.apply(*rbac_manifest([namespace], airflow, queueing="kueue"))
    with running_kueue(testbed, namespace, address_for(testbed), tmp_path_factory.mktemp("kueue")) as kueue:
        yield kueue


@pytest.fixture
def queues(bench, kueue):
    """The use cases of a connection whose clusters wait in queues; what a test leaves is ended."""
    control = bench.control(queueing="kueue")
    yield control
    for cluster in control.clusters.list():
        control.clusters.terminate(cluster.id)
    for cluster in control.clusters.list():
        control.clusters.wait(cluster.id, GONE, timeout=HANG_SECONDS, poll_interval=0.2)


def code_of(record: Any) -> str:
    return str(record.diagnosis.code) if record.diagnosis else ""


def pods_of(bench, cluster) -> list[dict[str, Any]]:
    found = bench.testbed.get(
        "get",
        "pods",
        f"--namespace={bench.connection.namespace}",
        f"--selector=dcluster.io/cluster-name={cluster.name}",
    )
    return list(found["items"])


def true_conditions(kueue, cluster) -> set[str]:
    """What holds of the Workload of a cluster."""
    found = kueue.workloads()
    (status,) = [each["status"] for each in found if each["metadata"]["name"] == cluster.name]
    return {each["type"] for each in status["conditions"] if each["status"] == "True"}


def test_a_cluster_waits_for_its_quota_and_starts_as_a_whole(bench, queues, kueue):
    kueue.queue("narrow", PLENTY | ONE_CLUSTER)
    kueue.flavor("narrow", tolerations=[{"key": "reserved", "operator": "Exists"}])

    def observed(cluster):
        return queues.clusters.observe([cluster.id])[cluster.id]

    first = queues.clusters.launch(SMALL | {"queueName": "narrow"})
    second = queues.clusters.launch(SMALL | {"queueName": "narrow"})
    queues.clusters.wait(first.id, timeout=HANG_SECONDS, poll_interval=0.2)
    assert until(lambda: "pods" in (observed(second).diagnosis or first).cause)
    waiting = observed(second)
    assert (waiting.state, code_of(waiting)) == (ClusterState.PROVISIONING, "Queued")
    assert pods_of(bench, second) == []
    for pod in pods_of(bench, first):
        assert any(each.get("key") == "reserved" for each in pod["spec"]["tolerations"])
    job = submit(queues, first, APPLICATIONS / "spark_pi.py", args=["2"])
    assert ended(queues, job).state is JobState.SUCCEEDED
    gone(queues, first)
    queues.clusters.wait(second.id, timeout=HANG_SECONDS, poll_interval=0.2)
    assert len(pods_of(bench, second)) == 2
    assert until(lambda: "PodsReady" in true_conditions(kueue, second))
    gone(queues, second)
    assert kueue.workloads() == []


def test_a_cluster_that_is_preempted_fails_with_that_cause(queues, kueue):
    kueue.queue("contested", PLENTY | ONE_CLUSTER, preemption={"withinClusterQueue": "LowerPriority"})
    kueue.priority("night", 1)
    kueue.priority("day", 100)
    low = queues.clusters.launch(SMALL | {"queueName": "contested", "priorityClassName": "night"})
    queues.clusters.wait(low.id, timeout=HANG_SECONDS, poll_interval=0.2)
    high = queues.clusters.launch(SMALL | {"queueName": "contested", "priorityClassName": "day"})
    lost = queues.clusters.wait(low.id, GONE, timeout=HANG_SECONDS, poll_interval=0.2)
    assert (lost.state, code_of(lost)) == (ClusterState.FAILED, "EvictedByQueue")
    assert "contested" in lost.diagnosis.cause
    queues.clusters.wait(high.id, timeout=HANG_SECONDS, poll_interval=0.2)
    gone(queues, high)


def test_twenty_jobs_on_a_quota_for_two_all_end(bench, queues, kueue):
    """Each takes a master, a worker and a driver; four clusters without their drivers would fill the quota."""
    kueue.queue("shared", PLENTY | {"pods": "8"})
    jobs = [
        submit(
            queues,
            None,
            APPLICATIONS / "spark_pi.py",
            args=["2"],
            queueName="shared",
            module=f"etl-{number}",
            **SMALL_JOB,
        )
        for number in range(20)
    ]
    most = 0

    def all_ended() -> bool:
        nonlocal most
        found = queues.jobs.observe([job.id for job in jobs])
        pods = bench.testbed.get("get", "pods", f"--namespace={bench.connection.namespace}")["items"]
        alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        most = max(most, sum(pod["status"]["phase"] in ("Pending", "Running") for pod in alive))
        return all(job.state in ENDED for job in found.values())

    assert until(all_ended)
    states = [queues.jobs.get(job.id).state for job in jobs]
    assert states == [JobState.SUCCEEDED] * 20
    assert most <= 8


@pytest.mark.parametrize(
    ("fields", "code", "told"),
    [
        ({"queueName": "narow"}, "QueueMissing", "narow"),
        ({"queueName": "known", "priorityClassName": "noon"}, "WorkloadPriorityClassMissing", "noon"),
    ],
)
def test_what_is_not_there_is_named(kueue, queues, fields, code, told):
    kueue.queue("known", PLENTY)
    with pytest.raises(ClusterFailed) as caught:
        queues.clusters.launch(SMALL | fields)
    assert caught.value.diagnosis.code == code
    assert told in caught.value.diagnosis.cause
    assert "known" in str(caught.value.diagnosis.evidence) or code != "QueueMissing"

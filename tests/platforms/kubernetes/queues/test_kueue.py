"""What a poll makes of the Workload of a cluster; the real Kueue is in tests/live."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from kubernetes_platform import make_cluster

from dcluster_provider.core.observation import ClusterPhase
from dcluster_provider.core.record import ClusterState
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.doctor.queues import check_queues
from dcluster_provider.platforms.kubernetes.queues.queueing import Queues
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

SETTINGS = KubernetesSettings(queueing="kueue", queue_name="team", namespace="data")
ADMITTED = {"Admitted": "Admitted", "QuotaReserved": "QuotaReserved"}


class Api:
    """The Workloads and LocalQueues of a namespace, and the statuses that were set."""

    def __init__(self, *workloads, queues=("team",), status=None):
        self.workloads, self.queues, self.status = workloads, queues, status
        self.merged = {}

    def list(self, path, query=None):
        if self.status:
            raise ApiRefused(self.status, "Refused", "no")
        if path.endswith("localqueues"):
            return [{"metadata": {"name": name}} for name in self.queues], ""
        return list(self.workloads), ""

    def find(self, path):
        return None

    def merge(self, path, body):
        self.merged[path] = body["status"]


def workload(cluster, true, **spec):
    conditions = [{"type": name, "status": "True", "reason": reason} for name, reason in true.items()]
    metadata = {"name": cluster.name, "namespace": "data", "resourceVersion": "1"}
    return {"metadata": metadata, "spec": spec, "status": {"conditions": conditions}}


def pods(*roles):
    return [SimpleNamespace(role=role, is_over=False) for role in roles]


@pytest.fixture
def cluster():
    return replace(make_cluster(), state=ClusterState.PROVISIONING)


@pytest.mark.parametrize(
    ("true", "roles", "phase"),
    [
        ({}, (), ClusterPhase.STARTING),
        ({"QuotaReserved": "QuotaReserved"}, (), ClusterPhase.STARTING),
        (ADMITTED, (), ClusterPhase.ADMITTED),
        (
            ADMITTED,
            ("master",),
            ClusterPhase.ADMITTED,
        ),  # whoever made it was killed before it made the workers
        (ADMITTED, ("master", "worker"), None),
        (ADMITTED | {"Evicted": "Preempted"}, ("master",), ClusterPhase.BROKEN),
    ],
)
def test_a_cluster_has_its_pods_made_once_it_was_admitted(cluster, true, roles, phase):
    seen = Queues(SETTINGS, Api(workload(cluster, true))).observe(cluster, pods(*roles), is_made=False)
    assert (seen and seen.phase) == phase


def test_one_without_a_workload_enters_the_queue_unless_it_has_begun_without_one(cluster):
    queues = Queues(SETTINGS, Api())
    assert queues.observe(cluster, [], is_made=False).phase is ClusterPhase.ADMITTED
    assert queues.observe(cluster, [], is_made=True).phase is ClusterPhase.ADMITTED
    assert queues.observe(cluster, pods("master"), is_made=False) is None
    running = replace(cluster, state=ClusterState.RUNNING)
    assert queues.observe(running, [], is_made=False) is None, "the connection had no queue when it began"


def test_one_that_runs_is_judged_by_its_pods_until_it_is_evicted(cluster):
    running = replace(cluster, state=ClusterState.RUNNING)
    assert Queues(SETTINGS, Api(workload(running, ADMITTED))).observe(running, [], is_made=False) is None
    seen = Queues(SETTINGS, Api(workload(running, ADMITTED | {"Evicted": "Preempted"}))).observe(
        running, [], is_made=False
    )
    assert (seen.phase, seen.diagnosis.code) == (ClusterPhase.BROKEN, "EvictedByQueue")


def test_one_that_is_evicted_before_it_has_pods_goes_back_to_its_queue_and_a_deactivated_one_fails(cluster):
    evicted = {"QuotaReserved": "QuotaReserved", "Evicted": "AdmissionCheck"}
    api = Api(workload(cluster, evicted))
    seen = Queues(SETTINGS, api).observe(cluster, [], is_made=False)
    assert (seen.phase, seen.hint.code) == (ClusterPhase.STARTING, "Queued")
    ((path, status),) = api.merged.items()
    assert path.endswith(f"/{cluster.name}/status")
    assert status["admission"] is None
    api = Api(workload(cluster, evicted, active=False))
    seen = Queues(SETTINGS, api).observe(cluster, [], is_made=False)
    assert (seen.phase, seen.diagnosis.code, api.merged) == (ClusterPhase.BROKEN, "EvictedByQueue", {})


def test_ready_pods_are_told_once(cluster):
    api = Api(workload(cluster, ADMITTED))
    Queues(SETTINGS, api).tell_ready(cluster)
    assert len(api.merged) == 1
    known = Api(workload(cluster, ADMITTED | {"PodsReady": "Started"}))
    Queues(SETTINGS, known).tell_ready(cluster)
    assert known.merged == {}


@pytest.mark.parametrize(
    ("api", "outcome", "told"),
    [
        (Api(), "ok", "there are: team"),
        (Api(queues=("teem",)), "failed", "no LocalQueue team; there are: teem"),
        (Api(queues=("default", "team")), "warning", "a LocalQueue default"),
        (Api(status=404), "failed", "serves no kueue"),
        (Api(status=403), "warning", "could not be looked at"),
    ],
)
def test_the_doctor_looks_for_the_queue(api, outcome, told):
    found = check_queues(SETTINGS, api, "data")
    assert found.outcome == outcome
    assert told in found.found

"""Why clusters and jobs that go on make no progress."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from kubernetes_platform import AT, make_cluster, make_job, make_pod

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.observation import ApplicationEnd, ClusterPhase
from dcluster_provider.core.record import ClusterState
from dcluster_provider.engines.flink.log_patterns import FlinkCode
from dcluster_provider.platforms.kubernetes.deployments import Deployments
from dcluster_provider.platforms.kubernetes.diagnosis import GracePeriods
from dcluster_provider.platforms.kubernetes.flink import job_observer
from dcluster_provider.platforms.kubernetes.flink.job_observer import RestartHints
from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import root
from dcluster_provider.platforms.kubernetes.observations import ClientPod
from dcluster_provider.platforms.kubernetes.platform import KubernetesPlatform
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from dcluster_provider.platforms.kubernetes.spark import job_observer as driver_hints
from dcluster_provider.platforms.kubernetes.spark.job_observer import DriverHints

CLUSTER = make_cluster()
JOB = make_job(CLUSTER)
REFUSED = (
    '26/01/31 10:00:20 ERROR ExecutorPodsAllocator: pods "job-exec-1" is forbidden: exceeded quota: small, requested: '
    "pods=1, used: pods=1, limited: pods=1"
)
STOPPED = "INFO SparkContext: Successfully stopped SparkContext"
BEGUN = "INFO SparkContext: Running Spark version 3.5.9"
HEAD = "INFO StandaloneSchedulerBackend: Connected to Spark cluster with app ID app-7-0001\n"
DUMP = "kubectl exec driver --namespace data -- sh -c 'kill -QUIT 1'"


def pod(role: str, phase: str = "Running"):
    return make_pod(CLUSTER, role, JOB, phase=phase)


def client(*pods, log=(), head="", seconds=100.0) -> ClientPod:
    now = AT + timedelta(seconds=seconds)
    return ClientPod(
        JOB,
        pods,
        "The driver",
        lambda: None,
        lambda _: (),
        lambda _: head,
        GracePeriods(300, 100),
        now,
        lambda _: log,
        lambda _: [(int(AT.timestamp()) * 10**9, line) for line in log],
    )


@pytest.fixture
def hints(monkeypatch) -> DriverHints:
    monkeypatch.setattr(driver_hints, "_EXECUTORS_SECONDS", 0.0)
    monkeypatch.setattr(driver_hints, "_MASTER_SECONDS", 0.0)
    return DriverHints()


def test_executors_that_a_quota_forbids_are_told_of_by_the_drivers_log(hints):
    found = hints.without_executors(
        client(pod("driver"), log=[REFUSED, "WARN TaskSchedulerImpl: no resources"])
    )
    assert found.code == "QuotaExceeded"
    assert found.cause.startswith(
        "The driver gets no executor: the quota small of namespace data is used up: pods 1"
    )
    assert found.evidence == (REFUSED,)


def test_a_driver_that_has_an_executor_is_left_alone(hints):
    assert hints.without_executors(client(pod("driver"), pod("executor"), log=[REFUSED])) is None


def test_a_log_is_read_now_and_then_and_not_at_every_look():
    hints, read = DriverHints(), []
    asked = replace(client(pod("driver")), stamped_end=lambda _: read.append(1) or [(0, REFUSED)])
    assert hints.without_executors(asked) == hints.without_executors(asked)
    assert len(read) == 1
    young = replace(asked, now=AT + timedelta(seconds=1))
    assert DriverHints().without_executors(young) is None


def test_the_end_of_the_application_of_a_driver_with_own_executors_is_in_its_log(hints):
    assert hints.without_executors(client(pod("driver"), log=[STOPPED, "still here"])) == ApplicationEnd(
        AT, words=("still here",), evidence=(STOPPED,), dump_command=DUMP
    )
    hidden = hints.without_executors(client(pod("driver"), log=["still here"] * 5))
    assert (hidden.at, hidden.words) == (AT, ("still here",) * 5)
    assert hints.without_executors(client(pod("driver"), log=[STOPPED, BEGUN])) is None
    assert hints.without_executors(client(pod("driver"), log=[BEGUN])) is None


def test_another_application_that_has_executors_is_no_end(hints):
    assert hints.without_executors(client(pod("driver"), log=[STOPPED])) is not None
    assert hints.without_executors(client(pod("driver"), pod("executor"), log=[STOPPED])) is None
    assert hints.without_executors(client(pod("driver"), log=["still here"])) is None


def test_the_end_of_an_application_on_a_standalone_cluster_is_its_masters_word(hints):
    at = AT.timestamp() * 1000
    known = {"id": "app-1", "name": f"team/etl #{JOB.id}", "starttime": at - 5000, "duration": 5000}
    known["state"] = "FINISHED"
    own = known | {"name": "mine", "id": "app-7-0001"}
    found = [
        hints.after_application(client(pod("driver"), log=[STOPPED], head=HEAD), lambda answer=answer: answer)
        for answer in (
            {"activeapps": [known]},
            None,
            {"completedapps": [known], "activeapps": [known]},
            {"completedapps": [known], "activeapps": []},
            {"completedapps": [own | {"state": "KILLED"}], "activeapps": []},
            {"completedapps": [own | {"id": "app-8-0001"}], "activeapps": []},
        )
    ]
    assert found[:3] == [None] * 3
    assert (found[3].at, found[3].is_finished, found[3].words) == (AT, True, ())
    assert (found[4].at, found[4].is_finished, found[5]) == (AT, False, None)


def test_a_restart_is_told_of_for_a_while(monkeypatch):
    hints = RestartHints()
    why = Diagnosis(FlinkCode.JOB_RESTARTS, "C.", "D.")
    assert hints.lasting(JOB.id, None) is None
    assert [hints.lasting(JOB.id, why), hints.lasting(JOB.id, None)] == [why, why]
    monkeypatch.setattr(job_observer, "_RESTARTS_SECONDS", 0.0)
    assert hints.lasting(JOB.id, None) is None


@pytest.mark.parametrize(
    ("state", "told"), [(ClusterState.RUNNING, "DeploymentDeleted"), (ClusterState.PROVISIONING, None)]
)
def test_a_deployment_is_missed_of_a_cluster_that_had_it(api, server, state, told):
    cluster = replace(CLUSTER, state=state)
    server.add(root(cluster, "data"))
    server.missing = {"deployments": (201, {})}
    platform = KubernetesPlatform(KubernetesSettings(deployment="airflow", namespace="data"), api)
    seen = platform.observe_clusters([cluster])[cluster.id]
    assert (seen.phase, seen.hint and seen.hint.code) == (ClusterPhase.STARTING, told)


def test_a_deployment_that_was_deleted_is_named(api, server):
    settings = KubernetesSettings(deployment="airflow", namespace="data")
    assert Deployments(settings, api).why_missing(CLUSTER) is None
    server.missing = {"deployments": (201, {})}
    found = Deployments(settings, api).why_missing(CLUSTER)
    assert found.code == "DeploymentDeleted"
    assert f"The Deployment {CLUSTER.name}-" in found.cause
    server.missing = {"deployments": (403, {"kind": "Status", "reason": "Forbidden"})}
    assert Deployments(settings, api).why_missing(CLUSTER) is None

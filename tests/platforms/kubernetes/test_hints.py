"""Why clusters and jobs that go on make no progress."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.observation import ClusterPhase
from dcluster_provider.core.record import ClusterState
from dcluster_provider.platforms.kubernetes import job_hints
from dcluster_provider.platforms.kubernetes.cluster_objects import root
from dcluster_provider.platforms.kubernetes.deployments import Deployments
from dcluster_provider.platforms.kubernetes.diagnosis import Patience
from dcluster_provider.platforms.kubernetes.job_hints import JobHints
from dcluster_provider.platforms.kubernetes.job_outcome import ClientPod
from dcluster_provider.platforms.kubernetes.metadata import JOB as JOB_LABEL
from dcluster_provider.platforms.kubernetes.metadata import cluster_labels
from dcluster_provider.platforms.kubernetes.platform import KubernetesPlatform
from dcluster_provider.platforms.kubernetes.pod import read_pod
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from tests.kubernetes_platform import AT, make_cluster, make_job

CLUSTER = make_cluster()
JOB = make_job(CLUSTER)
REFUSED = (
    '26/01/31 10:00:20 ERROR ExecutorPodsAllocator: pods "job-exec-1" is forbidden: exceeded quota: small, requested: '
    "pods=1, used: pods=1, limited: pods=1"
)


def pod(role: str, phase: str = "Running"):
    at = AT.strftime("%Y-%m-%dT%H:%M:%SZ")
    labels = cluster_labels(CLUSTER, role) | {JOB_LABEL: str(JOB.id)}
    return read_pod(
        {
            "metadata": {
                "name": role,
                "uid": role,
                "namespace": "data",
                "labels": labels,
                "creationTimestamp": at,
            },
            "spec": {"nodeName": "n", "containers": [{"name": "engine", "image": "i"}]},
            "status": {
                "phase": phase,
                "containerStatuses": [{"name": "engine", "state": {"running": {"startedAt": at}}}],
            },
        }
    )


def client(*pods, log=(), seconds=100.0) -> ClientPod:
    now = AT + timedelta(seconds=seconds)
    return ClientPod(
        JOB,
        pods,
        "The driver",
        lambda: None,
        lambda _: (),
        lambda _: "",
        Patience(300, 100),
        now,
        lambda _: log,
    )


@pytest.fixture
def hints(monkeypatch) -> JobHints:
    monkeypatch.setattr(job_hints, "_EXECUTORS_SECONDS", 0.0)
    monkeypatch.setattr(job_hints, "_MASTER_SECONDS", 0.0)
    return JobHints()


def test_executors_that_a_quota_forbids_are_told_of_by_the_drivers_log(hints):
    found = hints.without_executors(
        client(pod("driver"), log=[REFUSED, "WARN TaskSchedulerImpl: no resources"])
    )
    assert found.reason == "QuotaExceeded"
    assert found.cause.startswith(
        "The driver gets no executor: the quota small of namespace data is used up: pods 1"
    )
    assert found.evidence == (REFUSED,)


def test_a_driver_that_has_an_executor_is_left_alone(hints):
    assert hints.without_executors(client(pod("driver"), pod("executor"), log=[REFUSED])) is None


def test_a_log_is_read_now_and_then_and_not_at_every_look():
    hints, read = JobHints(), []
    asked = replace(client(pod("driver")), log_end=lambda _: read.append(1) or [REFUSED])
    assert hints.without_executors(asked) == hints.without_executors(asked)
    assert len(read) == 1
    young = replace(asked, now=AT + timedelta(seconds=1))
    assert JobHints().without_executors(young) is None


def test_a_driver_whose_main_has_ended_is_told_of_at_the_second_look(hints):
    stopped = client(
        pod("driver"), log=["INFO SparkContext: Successfully stopped SparkContext", "still here"]
    )
    assert hints.without_executors(stopped) is None
    assert hints.without_executors(stopped).reason == "MainEnded"


def test_a_driver_whose_application_has_ended_on_a_standalone_cluster_is_told_of(hints):
    name = {"name": f"team/etl #{JOB.id}"}
    answers = [{"activeapps": [name]}, None, *[{"completedapps": [name], "activeapps": []}] * 2]
    found = [
        hints.after_application(client(pod("driver")), lambda answer=answer: answer) for answer in answers
    ]
    assert [it and it.reason for it in found] == [None, None, None, "MainEnded"]
    again = {"completedapps": [name], "activeapps": [name]}
    assert hints.after_application(client(pod("driver")), lambda: again) is None


def test_a_restart_is_told_of_for_a_while(hints, monkeypatch):
    why = Diagnosis("JobRestarts", "C.", "D.")
    assert hints.lasting(JOB.id, None) is None
    assert [hints.lasting(JOB.id, why), hints.lasting(JOB.id, None)] == [why, why]
    monkeypatch.setattr(job_hints, "_RESTARTS_SECONDS", 0.0)
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
    assert (seen.phase, seen.hint and seen.hint.reason) == (ClusterPhase.STARTING, told)


def test_a_deployment_that_was_deleted_is_named(api, server):
    settings = KubernetesSettings(deployment="airflow", namespace="data")
    assert Deployments(settings, api).why_missing(CLUSTER) is None
    server.missing = {"deployments": (201, {})}
    found = Deployments(settings, api).why_missing(CLUSTER)
    assert found.reason == "DeploymentDeleted"
    assert f"The Deployment {CLUSTER.name}-" in found.cause
    server.missing = {"deployments": (403, {"kind": "Status", "reason": "Forbidden"})}
    assert Deployments(settings, api).why_missing(CLUSTER) is None

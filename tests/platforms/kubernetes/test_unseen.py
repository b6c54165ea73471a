"""What is told of clusters and jobs that the API server does not let be seen, beside those that it does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hanging import HANG_SECONDS, wait_until
from kubernetes.client import ApiClient, Configuration
from kubernetes_platform import make_cluster, make_job, pod_manifest

from dcluster_provider.core.diagnosis import Diagnosis, JobCode
from dcluster_provider.core.errors import CredentialsRefused, PlatformRefused, PlatformUnavailable
from dcluster_provider.core.observation import ClusterPhase, JobObservation, JobPhase, ObservationError
from dcluster_provider.core.record import JobState
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.manifests.metadata import JOB, VERDICT, cluster_labels, job_name
from dcluster_provider.platforms.kubernetes.observations import verdict_annotation
from dcluster_provider.platforms.kubernetes.permissions import RequiredPermission, check_access
from dcluster_provider.platforms.kubernetes.platform import KubernetesPlatform
from dcluster_provider.platforms.kubernetes.pods import watch as pod_watch
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings


def forbidden(user: str) -> tuple[int, dict]:
    message = f'configmaps "x" is forbidden: User "{user}" cannot get resource "configmaps"'
    return 403, {"kind": "Status", "reason": "Forbidden", "message": message}


@pytest.fixture
def platform(api, server) -> Iterator[KubernetesPlatform]:
    settings = KubernetesSettings(deployment="airflow", namespace="data", external_namespace="other")
    platform = KubernetesPlatform(settings, api)
    yield platform
    server.ends.set()
    for watch in platform._watches.values():
        watch._asked_at = -math.inf  # as if nobody had asked it for long
        if watch._thread is not None:
            watch._thread.join(HANG_SECONDS)


@pytest.fixture
def here():
    return make_cluster()


@pytest.fixture
def there():
    return replace(make_cluster(use_external_namespace=True), id=8)


def test_a_namespace_whose_pods_may_not_be_listed_hides_its_clusters_and_no_others(
    platform, server, here, there
):
    server.refused = {"/namespaces/other/pods": forbidden("airflow")}
    seen = platform.observe_clusters([here, there])
    assert seen[here.id].phase is ClusterPhase.ABSENT
    assert isinstance(seen[there.id], ObservationError)
    assert seen[there.id].is_refused
    with pytest.raises(PlatformRefused, match=r"airflow may not get configmaps. \[Forbidden\]"):
        raise seen[there.id].why


def test_a_cluster_whose_root_may_not_be_read_hides_no_other(platform, server, here, there):
    server.refused = {f"/namespaces/other/configmaps/{there.name}": forbidden("airflow")}
    seen = platform.observe_clusters([here, there])
    assert seen[here.id].phase is ClusterPhase.ABSENT
    assert seen[there.id].is_refused


def test_a_job_that_may_not_be_read_hides_no_other(platform, server, here, there):
    jobs = [replace(make_job(it), id=it.id, state=JobState.RUNNING) for it in (here, there)]
    server.refused = {"/namespaces/other/jobs": forbidden("airflow")}
    seen = platform.observe_jobs([(jobs[0], here), (jobs[1], there)])
    assert seen[here.id].phase is JobPhase.ABSENT
    assert seen[there.id].is_refused
    assert str(jobs[1]) in str(seen[there.id].why)


def test_a_job_that_is_ended_for_an_outcome_keeps_that_and_its_log(api, server, here, tmp_path):
    settings = KubernetesSettings(deployment="airflow", namespace="data")
    job = replace(make_job(here), state=JobState.RUNNING)
    server.configmaps["/api/v1/namespaces/data/pods/driver"] = pod_manifest(here, "driver", job)
    server.logs["driver"] = "2026-01-31T10:00:00.000000001Z counted\n"
    outcome = JobObservation(JobPhase.SUCCEEDED, diagnosis=Diagnosis(JobCode.MAIN_ENDED, "C.", "D."))
    platform = KubernetesPlatform(settings.model_copy(update={"home": tmp_path}), api)
    platform.end_job(job, here, outcome)
    server.ends.set()
    kept = {"metadata": {"annotations": {VERDICT: verdict_annotation(outcome)}}, "spec": {"suspend": True}}
    assert server.changed == {f"/apis/batch/v1/namespaces/data/jobs/{job_name(job)}": kept}
    server.logs.clear()
    assert platform.read_log(job, here, 0).text == "counted\n"


def test_who_comes_without_credentials_gets_others(platform, server, here):
    server.refused = {"configmaps": forbidden("system:anonymous")}
    with pytest.raises(CredentialsRefused, match="system:anonymous"):
        platform.observe_clusters([here])


def test_an_answer_that_nobody_expects_is_told_and_waited_out(platform, server, here, monkeypatch):
    monkeypatch.setattr(pod_watch, "_FIRST_SECONDS", 0.5)
    server.refused = {"/namespaces/data/pods": (200, {"items": []})}  # without the metadata of a list
    seen = platform.observe_clusters([here])[here.id]
    assert "cannot be watched: KeyError: 'metadata'" in str(seen.why)
    server.refused = {}
    assert wait_until(
        lambda: not isinstance(platform.observe_clusters([here])[here.id], ObservationError), 0.1
    )


def test_a_watch_outlives_a_listener_that_fails(platform, server, here):
    platform.observe_clusters([here])
    (thread,) = {watch._thread for watch in platform._watches.values()} - {None}
    forget = platform.on_change(lambda _: 1 / 0)
    server.ends.set()  # the watch ends, and is begun anew
    asked = len(server.asked)
    assert wait_until(lambda: len(server.asked) > asked + 4, 0.1)
    assert thread.is_alive()
    forget()
    assert platform.observe_clusters([here])[here.id].phase is ClusterPhase.ABSENT


@pytest.mark.parametrize(("code", "phase"), [(0, JobPhase.SUCCEEDED), (7, JobPhase.FAILED)])
def test_the_exit_code_of_a_driver_that_ended_and_was_deleted_is_not_lost(
    platform, server, here, code, phase
):
    job = replace(make_job(here), state=JobState.RUNNING)
    state = {"terminated": {"exitCode": code, "finishedAt": "2026-01-31T10:00:00Z"}}
    pod = {
        "metadata": {
            "name": "driver",
            "uid": "u",
            "namespace": "data",
            "resourceVersion": "2",
            "labels": cluster_labels(here, "driver") | {JOB: str(job.id)},
            "deletionTimestamp": "2026-01-31T10:00:00Z",
        },
        "spec": {"nodeName": "n", "containers": [{"name": "engine", "image": "i"}]},
        "status": {
            "phase": "Failed" if code else "Succeeded",
            "containerStatuses": [{"name": "engine", "state": state}],
        },
    }
    server.watched = [{"type": "DELETED", "object": pod}]
    platform.observe_clusters([here])
    assert wait_until(lambda: platform.observe_jobs([(job, here)])[job.id].phase is phase, 0.1)
    assert platform.observe_jobs([(job, here)])[job.id].exit_code == code
    assert platform.observe_clusters([here])[here.id].phase is ClusterPhase.ABSENT


def test_a_new_client_is_made_of_the_credentials_of_the_time():
    made = []
    api = KubernetesApi(lambda: made.append(len(made)) or ApiClient(Configuration()))
    api.connect()
    api.connect()
    api.reconnect()
    assert len(made) == 1
    api.connect()
    assert len(made) == 2


def test_rights_that_nobody_can_be_asked_about_are_not_taken_for_granted(api, server, monkeypatch):
    monkeypatch.setattr("dcluster_provider.platforms.kubernetes.api.client._RETRY_SECONDS", 0.0)
    server.refused = {"selfsubjectaccessreviews": (503, {"kind": "Status", "message": "restarting"})}
    wanted = [RequiredPermission("", "pods", ("get", "list"), "see pods")]
    with pytest.raises(PlatformUnavailable, match="restarting"):
        check_access(api, "data", wanted)


def test_the_place_of_a_cluster_is_its_namespace_on_its_server(platform, api, server, here, there):
    server.objects = {"/api/v1/namespaces/kube-system": {"metadata": {"uid": "one"}}}
    found = [platform.location_of(each.spec) for each in (here, there, here)]
    assert found == ["namespace data, Kubernetes one", "namespace other, Kubernetes one", found[0]]
    assert server.asked.count("/api/v1/namespaces/kube-system") == 1
    without = KubernetesPlatform(KubernetesSettings(deployment="airflow", namespace="data"), api)
    assert without.location_of(there.spec) == "namespace (none), Kubernetes one"


def test_another_client_may_lead_to_another_server(platform, server, here):
    server.objects = {"/api/v1/namespaces/kube-system": {"metadata": {"uid": "one"}}}
    before = platform.location_of(here.spec)
    server.objects = {"/api/v1/namespaces/kube-system": {"metadata": {"uid": "two"}}}
    assert platform.location_of(here.spec) == before
    platform.reconnect()
    assert platform.location_of(here.spec) == "namespace data, Kubernetes two"


@pytest.mark.parametrize("answer", [forbidden("airflow"), (503, {"kind": "Status", "message": "restarting"})])
def test_a_server_that_does_not_tell_who_it_is_is_asked_seldom(platform, server, here, answer):
    server.refused = {"kube-system": answer}
    assert {platform.location_of(here.spec) for _ in range(3)} == {"namespace data"}
    assert server.asked.count("/api/v1/namespaces/kube-system") == 1

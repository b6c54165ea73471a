"""What a task does that goes on once the triggerer has seen the end of its wait: nothing that asks the platform."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from connections import settings_for_kubernetes

from dcluster_provider.control.connect import connect
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import ClusterFailed, JobFailed, PlatformRefused
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.engines.log_patterns import LogCode
from dcluster_provider.operators.cluster import DClusterLaunchSparkOperator, DClusterTerminateOperator
from dcluster_provider.operators.job import DClusterSubmitJobOperator, DClusterTerminateJobOperator
from dcluster_provider.platforms.kubernetes.diagnosis.requests import RequestCode
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from dcluster_provider.sensors.cluster import DClusterClusterSensor
from dcluster_provider.sensors.job import DClusterJobSensor

BROKEN = Diagnosis(LogCode.OUT_OF_MEMORY, "It was killed.", "Give it more.")
CONTEXT = {"ti": SimpleNamespace(try_number=1, max_tries=1), "task": SimpleNamespace(retries=1)}


def no_client(conn_id):
    raise PlatformRefused(conn_id, Diagnosis(RequestCode.FORBIDDEN, "Kubernetes was asked.", "Do not."))


@pytest.fixture
def settings(tmp_path):
    return settings_for_kubernetes(tmp_path, KubernetesSettings(), conn_id="data")


@pytest.fixture
def control(settings):
    return connect(settings, {"kubernetes": no_client})


@pytest.fixture
def cluster(control):
    asked_for = control.clusters.request({"tenant": "team", "workers": 1})
    running = replace(asked_for, state=ClusterState.RUNNING, state_since=datetime.now(timezone.utc))
    return control.registry.clusters.save(running)


@pytest.fixture
def job(control, cluster, tmp_path):
    application = tmp_path / "application.py"
    application.write_text("pass")
    spec = {"client": "team", "module": "m", "cluster_id": cluster.id, "application": str(application)}
    return control.jobs.request(spec)


@pytest.fixture
def resumed(control, settings):
    """Go on with an operator after an event of its trigger."""

    def resume(operator, record, **event):
        operator.hook = SimpleNamespace(
            settings=settings,
            clusters=control.clusters,
            jobs=control.jobs,
            upkeep=SimpleNamespace(notify_failure=print),
        )
        found = {"cause": "state", "id": record.id, "log_end": 12, "log_is_cut": False, "lines": []}
        return operator.execute_complete(CONTEXT, found | event)

    return resume


def ended(control, record, state, diagnosis=None):
    after = replace(record, state=state, diagnosis=diagnosis)
    if isinstance(state, JobState):
        return control.registry.jobs.save(after)
    return control.registry.clusters.save(after)


def test_a_cluster_that_runs(resumed, cluster):
    operator = DClusterLaunchSparkOperator(task_id="t", tenant="team")
    assert resumed(operator, cluster) == cluster.id
    sensor = DClusterClusterSensor(task_id="s", cluster_id=cluster.id)
    assert resumed(sensor, cluster) == "RUNNING"


def test_a_cluster_that_has_failed(resumed, control, cluster):
    failed = ended(control, cluster, ClusterState.FAILED, BROKEN)
    for waiting in (
        DClusterLaunchSparkOperator(task_id="t", tenant="team"),
        DClusterClusterSensor(task_id="s", cluster_name=cluster.name),
    ):
        with pytest.raises(ClusterFailed, match="It was killed"):
            resumed(waiting, failed)


def test_a_cluster_that_has_ended(resumed, control, cluster):
    gone = ended(control, cluster, ClusterState.TERMINATED)
    assert resumed(DClusterTerminateOperator(task_id="t", cluster_id=cluster.id), gone) is None


def test_a_job_that_has_succeeded(resumed, control, job):
    done = ended(control, job, JobState.SUCCEEDED)
    assert resumed(DClusterSubmitJobOperator(task_id="t", client="team", module="m"), done) == job.id
    assert resumed(DClusterJobSensor(task_id="s", job_id=job.id), done) == "SUCCEEDED"
    assert resumed(DClusterTerminateJobOperator(task_id="e", job_id=job.id), done) == "SUCCEEDED"


def test_a_job_that_has_failed(resumed, control, job):
    failed = ended(control, job, JobState.FAILED, BROKEN)
    for waiting in (
        DClusterSubmitJobOperator(task_id="t", client="team", module="m"),
        DClusterJobSensor(task_id="s", job_id=job.id),
    ):
        with pytest.raises(JobFailed, match="It was killed"):
            resumed(waiting, failed)


def test_the_platform_is_asked_for_what_the_triggerer_has_not_seen(resumed, control, job):
    going_on = ended(control, job, JobState.RUNNING)
    with pytest.raises(PlatformRefused, match="Kubernetes was asked"):
        resumed(DClusterSubmitJobOperator(task_id="t", client="team", module="m"), going_on, cause="timeout")


def test_a_job_whose_log_cannot_be_read_has_succeeded_all_the_same(resumed, control, job, caplog):
    done = ended(control, job, JobState.SUCCEEDED)
    operator = DClusterSubmitJobOperator(task_id="t", client="team", module="m")
    assert resumed(operator, done, log_is_cut=True) == job.id
    assert "the log of job 1 (team/m): kubernetes_default: Kubernetes was asked" in caplog.text

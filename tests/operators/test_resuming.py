"""What a task does that goes on once the triggerer has seen the end of its wait: nothing that asks the platform."""

from __future__ import annotations

import pytest
from resumed_tasks import BROKEN, ResumedTasks

from dcluster_provider.core.errors import ClusterFailed, JobFailed, PlatformRefused
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.operators.cluster import DClusterLaunchSparkOperator, DClusterTerminateOperator
from dcluster_provider.operators.job import DClusterSubmitJobOperator, DClusterTerminateJobOperator


@pytest.fixture
def tasks(tmp_path):
    return ResumedTasks(tmp_path)


def test_a_cluster_that_runs(tasks):
    operator = DClusterLaunchSparkOperator(task_id="t", tenant="team")
    assert tasks.resume(operator, tasks.cluster) == tasks.cluster.id


def test_a_cluster_that_has_failed(tasks):
    failed = tasks.now(tasks.cluster, ClusterState.FAILED, BROKEN)
    with pytest.raises(ClusterFailed, match="It was killed"):
        tasks.resume(DClusterLaunchSparkOperator(task_id="t", tenant="team"), failed)


def test_a_cluster_that_has_ended(tasks):
    gone = tasks.now(tasks.cluster, ClusterState.TERMINATED)
    assert tasks.resume(DClusterTerminateOperator(task_id="t", cluster_id=gone.id), gone) is None


def test_a_job_that_has_succeeded(tasks):
    done = tasks.now(tasks.job, JobState.SUCCEEDED)
    assert tasks.resume(DClusterSubmitJobOperator(task_id="t", client="team", module="m"), done) == done.id
    assert tasks.resume(DClusterTerminateJobOperator(task_id="e", job_id=done.id), done) == "SUCCEEDED"


def test_a_job_that_has_failed(tasks):
    failed = tasks.now(tasks.job, JobState.FAILED, BROKEN)
    with pytest.raises(JobFailed, match="It was killed"):
        tasks.resume(DClusterSubmitJobOperator(task_id="t", client="team", module="m"), failed)


def test_the_platform_is_asked_for_what_the_triggerer_has_not_seen(tasks):
    going_on = tasks.now(tasks.job, JobState.RUNNING)
    operator = DClusterSubmitJobOperator(task_id="t", client="team", module="m")
    with pytest.raises(PlatformRefused, match="Kubernetes was asked"):
        tasks.resume(operator, going_on, cause="timeout")


def test_a_job_whose_log_cannot_be_read_has_succeeded_all_the_same(tasks, caplog):
    done = tasks.now(tasks.job, JobState.SUCCEEDED)
    operator = DClusterSubmitJobOperator(task_id="t", client="team", module="m")
    assert tasks.resume(operator, done, log_is_cut=True) == done.id
    assert "the log of job 1 (team/m): kubernetes_default: Kubernetes was asked" in caplog.text

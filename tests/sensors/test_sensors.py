"""What the sensors take and refuse, and how they go on after a wait in the triggerer."""

from __future__ import annotations

from datetime import timedelta

import pendulum
import pytest
from resumed_tasks import BROKEN, ResumedTasks

from dcluster_provider.core.errors import ClusterFailed, InvalidSpec, JobFailed
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.sensors.cluster import DClusterClusterSensor
from dcluster_provider.sensors.job import DClusterJobSensor


@pytest.fixture
def tasks(tmp_path):
    return ResumedTasks(tmp_path)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: DClusterClusterSensor(task_id="t"), TypeError, "cluster_id or cluster_name"),
        (lambda: DClusterClusterSensor(task_id="t", cluster_id=1, states="RUNING"), InvalidSpec, "'RUNNING'"),
        (lambda: DClusterJobSensor(task_id="t", job_id=1, statess="x"), TypeError, "did you mean 'states'"),
    ],
)
def test_a_mistake_is_named_while_the_file_is_parsed(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("length", [timedelta(minutes=2), pendulum.duration(minutes=2), 120])
def test_times_are_seconds_or_durations(length):
    sensor = DClusterClusterSensor(task_id="sensor", cluster_id=1, poke_interval=length, timeout=length)
    assert (sensor.poke_interval, sensor.timeout) == (120, 120)


def test_a_cluster_that_runs(tasks):
    sensor = DClusterClusterSensor(task_id="s", cluster_id=tasks.cluster.id)
    assert tasks.resume(sensor, tasks.cluster) == "RUNNING"


def test_a_cluster_that_has_failed(tasks):
    failed = tasks.now(tasks.cluster, ClusterState.FAILED, BROKEN)
    with pytest.raises(ClusterFailed, match="It was killed"):
        tasks.resume(DClusterClusterSensor(task_id="s", cluster_name=failed.name), failed)


def test_a_job_that_has_succeeded(tasks):
    done = tasks.now(tasks.job, JobState.SUCCEEDED)
    assert tasks.resume(DClusterJobSensor(task_id="s", job_id=done.id), done) == "SUCCEEDED"


def test_a_job_that_has_failed(tasks):
    failed = tasks.now(tasks.job, JobState.FAILED, BROKEN)
    with pytest.raises(JobFailed, match="It was killed"):
        tasks.resume(DClusterJobSensor(task_id="s", job_id=failed.id), failed)

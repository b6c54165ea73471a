"""Clusters in pods that are resized under running jobs, and jobs whose executor pods come and go."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hanging import HANG_SECONDS
from local_platform import APPLICATIONS, build_jar, local_settings

from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState
from dcluster_provider.platforms.kubernetes.cluster_access import master_rest
from dcluster_provider.platforms.local.installation.engines import ensure_engine
from tests.live.kubernetes.conftest import SMALL, SMALL_FLINK, gone, running, submit, until
from tests.live.resizing import counted, executors, has_checkpoint, has_kept_its_state, parallelism

EXECUTORS = APPLICATIONS / "executors.py"
_names = itertools.count(1)


@pytest.fixture
def name(bench) -> Path:
    """The beginning of a job's file names, where its pods may write."""
    folder = bench.connection.folder / f"resized{next(_names)}"
    folder.mkdir()
    folder.chmod(0o777)
    return folder / "job"


def resized(control, cluster: Cluster, workers: int) -> Cluster:
    control.clusters.resize(cluster.id, workers, actor="the test")
    return control.clusters.wait(cluster.id, timeout=HANG_SECONDS, poll_interval=0.5)


def workers(bench, testbed, cluster: Cluster) -> set[str]:
    selector = f"dcluster.io/cluster-name={cluster.name},dcluster.io/role=worker"
    found = testbed.get("get", "pods", f"--namespace={bench.connection.namespace}", f"--selector={selector}")
    return {item["metadata"]["name"] for item in found["items"]}


def succeeded(control, job: Job) -> str:
    """The log of a job that has succeeded."""
    control.jobs.wait(job.id, timeout=HANG_SECONDS)
    return control.jobs.logs(job.id)


def test_a_spark_job_goes_on_while_its_cluster_grows_and_shrinks_and_its_blocks_stay(
    bench, testbed, control, name
):
    cluster = running(control, SMALL | {"longLiving": True, "maxWorkers": 4})
    first = workers(bench, testbed, cluster)
    job = submit(control, cluster, EXECUTORS, args=[str(name)])
    assert until(lambda: executors(name) == 1)
    grown = resized(control, cluster, 2)
    assert (grown.state, grown.workers_ready, grown.resizing_since) == (ClusterState.RUNNING, 2, None)
    both = workers(bench, testbed, cluster)
    assert first < both
    assert until(lambda: executors(name) == 2)
    name.with_suffix(".hold").touch()
    assert until(name.with_suffix(".held").exists)
    shrunk = resized(control, cluster, 1)
    assert shrunk.workers_ready == 1
    assert until(
        lambda: len(workers(bench, testbed, cluster)) == 1
    )  # the pod that has ended is listed for a moment
    assert until(lambda: executors(name) == 1 or control.jobs.observe([job.id])[job.id].state.is_final)
    name.with_suffix(".go").touch()
    assert "what it held is right: True" in succeeded(control, job)
    assert gone(control, cluster).state is ClusterState.TERMINATED
    assert bench.left() == []


def test_a_jobs_executor_pods_come_and_go_as_it_has_work(control, name):
    often = {
        "spark.dynamicAllocation.executorIdleTimeout": "3s",
        "spark.dynamicAllocation.schedulerBacklogTimeout": "1s",
    }
    sizes = {"numWorkers": 1, "minWorkers": 1, "maxWorkers": 3, "extraCmd": often}
    job = submit(control, None, EXECUTORS, args=[str(name)], **sizes)
    assert until(lambda: control.jobs.observe([job.id])[job.id].state is JobState.RUNNING)
    assert until(lambda: executors(name) == 3)
    name.with_suffix(".idle").touch()
    assert until(lambda: executors(name) == 1)
    name.with_suffix(".go").touch()
    assert "what it held is right: True" in succeeded(control, job)


@pytest.fixture(scope="module")
def jar(tmp_path_factory) -> Path:
    engine = ensure_engine("flink", local_settings(tmp_path_factory.mktemp("home")), print)
    return build_jar(tmp_path_factory.mktemp("jar"), APPLICATIONS / "Counting.java", engine.home / "lib")


@pytest.mark.long
def test_a_flink_job_goes_on_from_its_checkpoint_while_its_cluster_grows_and_shrinks(bench, jar, name):
    folder = bench.connection.folder / "resized"
    control = bench.control(flink_storage=folder.as_uri())
    cluster = running(control, SMALL_FLINK | {"longLiving": True, "maxWorkers": 2})
    every = {"execution.checkpointing.interval": "500 ms"}
    job = submit(control, cluster, jar, args=[str(name)], numWorkers=2, extraCmd=every)
    assert until(lambda: control.clusters.get(cluster.id).spec.workers == 2)  # as many as the job asks for
    assert until(lambda: has_checkpoint(folder))
    platform = control.platform
    rest = master_rest(platform.settings, platform._api, cluster)
    for number in (2, 1, 2):
        resized(control, cluster, number)
        assert until(lambda: parallelism(rest, job) == number)  # noqa: B023
        before = len(counted(name))
        assert until(lambda: len(counted(name)) > before + 200)  # noqa: B023
    control.jobs.terminate(job.id)
    control.jobs.wait(job.id, [JobState.KILLED], HANG_SECONDS)
    assert has_kept_its_state(counted(name))
    gone(control, cluster)

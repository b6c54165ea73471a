"""Clusters that are resized under running jobs on this machine, and jobs whose executors come and go."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from connections import settings_for_local
from hanging import HANG_SECONDS
from local_platform import APPLICATIONS, build_jar, local_platform, until

from dcluster_provider.control.connect import Control, connect
from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState
from dcluster_provider.engines.rest import HttpRest
from dcluster_provider.platforms.local.installation.engines import ensure_engine, find_engine
from dcluster_provider.platforms.local.processes.termination import census
from tests.live.resizing import counted, executors, has_checkpoint, has_kept_its_state, parallelism

EXECUTORS = str(APPLICATIONS / "executors.py")
SIZE = {"workerMemory": "1Gi", "masterMemory": "1Gi"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    home = tmp_path_factory.mktemp("resize")
    with local_platform(home, "spark") as platform:
        ensure_engine("flink", platform.settings, print)
        yield settings_for_local(home, platform.settings.engines_folder)


@pytest.fixture(scope="module")
def control(settings) -> Control:
    return connect(settings)


def launched(control, **fields) -> Cluster:
    cluster = control.clusters.launch({"tenant": "team"} | SIZE | fields)
    return control.clusters.wait(cluster.id, timeout=HANG_SECONDS)


def resized(control, cluster: Cluster, workers: int) -> Cluster:
    asked = control.clusters.resize(cluster.id, workers, actor="the test")
    assert asked.spec.workers == workers
    return control.clusters.wait(cluster.id, timeout=HANG_SECONDS)


def worker_processes(settings, cluster: Cluster) -> list[str]:
    folder = settings.home / "clusters" / cluster.name / "processes"
    return sorted(path.name for path in census() if path.parent == folder and path.name != "master")


def submitted(control, application: str, **fields) -> Job:
    return control.jobs.submit({"client": "team", "module": "elastic", "application": application} | fields)


def succeeded(control, job: Job) -> Job:
    return control.jobs.wait(job.id, timeout=HANG_SECONDS)


def test_a_spark_job_goes_on_while_its_cluster_grows_and_shrinks_and_its_blocks_stay(
    control, settings, tmp_path
):
    cluster = launched(control, longLiving=True, maxWorkers=4)  # of which a job takes half
    assert worker_processes(settings, cluster) == ["worker-0"]
    name = tmp_path / "job"
    job = submitted(control, EXECUTORS, args=[str(name)], clusterId=cluster.id)
    until(lambda: executors(name), lambda seen: seen == 1)
    grown = resized(control, cluster, 2)
    assert (grown.state, grown.workers_ready, grown.resizing_since) == (ClusterState.RUNNING, 2, None)
    until(lambda: executors(name), lambda seen: seen == 2)
    name.with_suffix(".hold").touch()
    until(name.with_suffix(".held").exists, bool)
    shrunk = resized(control, cluster, 1)
    assert (shrunk.workers_ready, worker_processes(settings, cluster)) == (1, ["worker-0"])
    until(lambda: executors(name), lambda seen: seen == 1)
    again = resized(control, cluster, 2)
    assert (again.workers_ready, worker_processes(settings, cluster)) == (2, ["worker-0", "worker-2"])
    name.with_suffix(".go").touch()
    succeeded(control, job)
    log = control.jobs.logs(job.id)
    assert "what it held is right: True" in log
    actions = [event.action for event in control.registry.events.list(cluster_id=cluster.id)]
    assert actions.count("RESIZED") == 3


@pytest.mark.long
def test_a_jobs_executors_come_and_go_as_it_has_work(control, tmp_path):
    name = tmp_path / "job"
    often = {
        "spark.dynamicAllocation.executorIdleTimeout": "3s",
        "spark.dynamicAllocation.schedulerBacklogTimeout": "1s",
    }
    job = submitted(
        control, EXECUTORS, args=[str(name)], minWorkers=1, maxWorkers=4, workerMemGb=0.5, extraCmd=often
    )
    assert control.clusters.get(job.cluster_id).spec.workers == 4
    control.jobs.wait(job.id, [JobState.RUNNING], HANG_SECONDS)
    until(lambda: executors(name), lambda seen: seen == 4)
    name.with_suffix(".idle").touch()
    until(lambda: executors(name), lambda seen: seen == 1)
    name.with_suffix(".go").touch()
    assert "what it held is right: True" in control.jobs.logs(succeeded(control, job).id)


@pytest.fixture(scope="module")
def jar(tmp_path_factory, control):
    engine = find_engine("flink", control.platform.settings)
    return str(build_jar(tmp_path_factory.mktemp("jar"), APPLICATIONS / "Counting.java", engine.home / "lib"))


def test_a_flink_job_goes_on_from_its_checkpoint_while_its_cluster_grows_and_shrinks(
    control, settings, jar, tmp_path
):
    cluster = launched(control, type="flink", longLiving=True, maxWorkers=2)
    file = tmp_path / "counted"
    checkpoints = {
        "execution.checkpointing.interval": "500 ms",
        "execution.checkpointing.dir": (tmp_path / "checkpoints").as_uri(),
    }
    job = submitted(
        control,
        jar,
        args=[str(file)],
        clusterId=cluster.id,
        jobType="flink",
        numWorkers=2,
        extraCmd=checkpoints,
    )
    until(lambda: len(counted(file)), lambda seen: seen > 100)
    until(lambda: has_checkpoint(tmp_path / "checkpoints"), bool)
    address = urlsplit(cluster.master_url)
    rest = HttpRest(str(address.hostname), int(address.port or 0))
    for workers in (2, 1):
        resized(control, cluster, workers)
        until(lambda: parallelism(rest, job), lambda seen, workers=workers: seen == workers)
        before = len(counted(file))
        until(lambda: len(counted(file)), lambda seen, before=before: seen > before + 200)
    assert control.jobs.observe([job.id])[job.id].state is JobState.RUNNING
    control.jobs.terminate(job.id)
    control.jobs.wait(job.id, [JobState.KILLED], HANG_SECONDS)
    assert has_kept_its_state(counted(file))

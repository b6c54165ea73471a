"""Flink jobs on a real Kubernetes: savepoints to stop with and start from, and JobManagers that are killed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hanging import HANG_SECONDS
from kubernetes_connection import FLINK_ACCOUNT
from local_platform import build_jar, local_settings

from dcluster_provider.control.connect import Control
from dcluster_provider.control.savepoints import raise_if_savepoint_failed
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.record import ClusterState, Job, JobState
from dcluster_provider.platforms.local.installation.engines import ensure_engine
from tests.live.kubernetes.conftest import (
    GONE,
    SMALL_FLINK,
    ended,
    gone,
    running,
    submit,
    until,
)

APPLICATIONS = Path(__file__).parents[1] / "applications"
CHECKPOINTS = {"execution.checkpointing.interval": "500 ms"}


@pytest.fixture(scope="module")
def jar(tmp_path_factory) -> Path:
    engine = ensure_engine("flink", local_settings(tmp_path_factory.mktemp("home")), print)
    return build_jar(tmp_path_factory.mktemp("jar"), APPLICATIONS / "Counting.java", engine.home / "lib")


@pytest.fixture
def keeping(bench) -> Iterator[Control]:
    """A connection with a folder for savepoints and checkpoints."""
    yield from _ended(bench.control(flink_storage=f"file://{bench.connection.folder}/flink"))


@pytest.fixture
def available(bench) -> Iterator[Control]:
    """A connection whose JobManagers go on after a restart."""
    storage = f"file://{bench.connection.folder}/available"
    yield from _ended(bench.control(flink_storage=storage, flink_ha=True, service_account=FLINK_ACCOUNT))


def _ended(control: Control) -> Iterator[Control]:
    yield control
    for cluster in control.clusters.list():
        control.clusters.terminate(cluster.id)
    for cluster in control.clusters.list():
        control.clusters.wait(cluster.id, GONE, timeout=HANG_SECONDS, poll_interval=0.2)


@pytest.fixture
def counted(bench, request) -> Path:
    """The file that the jar writes the numbers to, where its pods may write."""
    folder = bench.connection.folder / request.node.name
    folder.mkdir()
    folder.chmod(0o777)
    return folder / "counted"


def numbers(counted: Path) -> list[tuple[int, int]]:
    lines = counted.read_text().splitlines(keepends=True) if counted.exists() else []
    return [tuple(map(int, line.split())) for line in lines if line.endswith("\n")]


def at_work(control: Control, cluster, jar: Path, counted: Path, **fields) -> Job:
    """A job of the jar that has counted some numbers."""
    before = len(numbers(counted))
    job = submit(control, cluster, jar, args=[str(counted)], **fields)
    job = control.jobs.wait(job.id, [JobState.RUNNING], HANG_SECONDS, poll_interval=0.2)
    assert until(lambda: len(numbers(counted)) > before + 20)
    return job


def stopped_with_savepoint(control: Control, job: Job) -> Job:
    control.jobs.terminate(job.id, savepoint=True)
    return control.jobs.wait(
        job.id, timeout=HANG_SECONDS, poll_interval=0.2, on_poll=raise_if_savepoint_failed
    )


def _in_order(seen: list[tuple[int, int]]) -> bool:
    return seen == [(number, number) for number in range(1, len(seen) + 1)]


def test_a_job_goes_on_from_its_savepoint_which_outlives_the_cluster(bench, keeping, jar, counted):
    cluster = running(keeping, SMALL_FLINK)
    done = stopped_with_savepoint(keeping, at_work(keeping, cluster, jar, counted))
    assert (done.state, done.savepoint_requested) == (JobState.SUCCEEDED, False)
    assert done.savepoint.startswith(f"file:{bench.connection.folder}/flink/{cluster.name}/savepoints/")
    second = at_work(keeping, cluster, jar, counted, savepoint=done.savepoint)
    keeping.jobs.terminate(second.id)
    assert ended(keeping, second).state is JobState.KILLED
    assert _in_order(numbers(counted)), "each number once, and counted on"
    assert gone(keeping, cluster).state is ClusterState.TERMINATED
    assert (Path(done.savepoint.removeprefix("file:")) / "_metadata").is_file()
    assert bench.left() == []


@pytest.mark.long
def test_a_sql_file_is_stopped_with_a_savepoint_and_its_client_ends(bench, testbed, keeping):
    cluster = running(keeping, SMALL_FLINK)
    job = submit(keeping, cluster, APPLICATIONS / "counting.sql")
    job = keeping.jobs.wait(job.id, [JobState.RUNNING], HANG_SECONDS, poll_interval=0.2)
    done = stopped_with_savepoint(keeping, job)
    assert (done.state, bool(done.savepoint)) == (JobState.SUCCEEDED, True)
    client = (
        "get",
        "pods",
        f"--namespace={bench.connection.namespace}",
        "--selector=dcluster.io/role=client",
    )
    live = ("Pending", "Running")
    assert until(lambda: all(pod["status"]["phase"] not in live for pod in testbed.get(*client)["items"]))


@pytest.mark.long
def test_a_restarted_jobmanager_loses_its_jobs_and_a_job_without_a_folder_has_no_savepoint(
    bench, testbed, control, jar, counted
):
    cluster = running(control, SMALL_FLINK | {"extraConfigs": {"taskmanager.numberOfTaskSlots": 2}})
    job = at_work(control, cluster, jar, counted)
    with pytest.raises(
        InvalidSpec, match=r"no setting names the folder for savepoints of .*; .* flink_storage"
    ):
        control.jobs.terminate(job.id, savepoint=True)
    assert control.jobs.observe([job.id])[job.id].state is JobState.RUNNING

    client = submit(control, cluster, APPLICATIONS / "counting.sql", module="sql")
    client = control.jobs.wait(client.id, [JobState.RUNNING], HANG_SECONDS, poll_interval=0.2)
    _kill_jobmanager(bench, testbed, cluster)
    for each in (job, client):
        lost = ended(control, each)
        assert (lost.state, lost.diagnosis.code) == (JobState.UNKNOWN, "JobManagerRestarted"), lost.diagnosis
        assert "flink_storage and flink_ha" in lost.diagnosis.remedy
    assert control.clusters.wait(cluster.id, timeout=HANG_SECONDS, poll_interval=0.5)


@pytest.mark.long
def test_with_high_availability_a_job_goes_on_after_its_jobmanager_was_killed(
    bench, testbed, available, jar, counted
):
    cluster = running(available, SMALL_FLINK)
    job = at_work(available, cluster, jar, counted, extraCmd=CHECKPOINTS)
    _kill_jobmanager(bench, testbed, cluster)
    before = len(numbers(counted))
    states = set()

    def goes_on() -> bool:
        states.add(available.jobs.observe([job.id])[job.id].state)
        seen = numbers(counted)[before:]
        # After a restart it counts again what came after its last checkpoint, and goes on from there.
        return any(later[0] <= earlier[0] for earlier, later in pairwise(seen))

    assert until(goes_on), numbers(counted)[-5:]
    assert states == {JobState.RUNNING}
    assert all(number == count for number, count in numbers(counted)), "the state was restored"
    assert until(lambda: available.clusters.status(cluster.id) is ClusterState.RUNNING)
    done = stopped_with_savepoint(available, job)
    assert (done.state, bool(done.savepoint)) == (JobState.SUCCEEDED, True)
    assert gone(available, cluster).state is ClusterState.TERMINATED
    maps = testbed.get(
        "get", "configmaps", f"--namespace={bench.connection.namespace}", f"--selector=app={cluster.name}"
    )
    assert maps["items"] == [], "Flink's own memory of its leaders goes with the cluster"


def _kill_jobmanager(bench, testbed, cluster) -> None:
    selector = f"--selector=dcluster.io/cluster-name={cluster.name},dcluster.io/role=master"
    namespace = f"--namespace={bench.connection.namespace}"
    testbed.kubectl("delete", "pods", namespace, selector, "--grace-period=0", "--force", "--wait=false")

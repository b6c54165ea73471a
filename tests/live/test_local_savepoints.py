"""Flink jobs that are stopped with a savepoint and started from one, on this machine, through the use cases."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from connections import settings_for_local
from hanging import HANG_SECONDS
from local_platform import APPLICATIONS, build_jar, local_platform, until

from dcluster_provider.control.connect import Control, connect
from dcluster_provider.control.records import utc_now
from dcluster_provider.control.savepoints import raise_if_savepoint_failed
from dcluster_provider.core.errors import JobFailed, SavepointFailed
from dcluster_provider.core.identity import flink_job_id
from dcluster_provider.core.observation import JobPhase
from dcluster_provider.core.record import Job, JobState
from dcluster_provider.core.state import stop_job_with_savepoint
from dcluster_provider.engines.flink.savepoints import go_on_stopping
from dcluster_provider.engines.rest import HttpRest
from dcluster_provider.platforms.local.installation.engines import find_engine

SQL = str(APPLICATIONS / "counting.sql")


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    home = tmp_path_factory.mktemp("savepoints")
    with local_platform(home, "flink") as platform:
        yield settings_for_local(home, platform.settings.engines_folder)


@pytest.fixture(scope="module")
def control(settings) -> Control:
    return connect(settings)


@pytest.fixture(scope="module")
def jar(tmp_path_factory, control):
    engine = find_engine("flink", control.platform.settings)
    return str(build_jar(tmp_path_factory.mktemp("jar"), APPLICATIONS / "Counting.java", engine.home / "lib"))


@pytest.fixture(scope="module")
def cluster(control):
    size = {"workers": 1, "workerCpu": 3, "workerMemory": "1Gi", "masterMemory": "1Gi"}
    cluster = control.clusters.launch({"tenant": "team", "type": "flink"} | size)
    return control.clusters.wait(cluster.id, timeout=HANG_SECONDS)


@pytest.fixture
def counted(tmp_path):
    """The file that the jar writes the numbers to, and how often it has counted."""
    return tmp_path / "counted"


def submitted(control, application, **fields) -> Job:
    spec = {"client": "team", "module": "counting", "jobType": "flink", "application": application}
    spec["allowDuplicate"] = True  # of a test that has failed
    return control.jobs.submit(spec | fields)


def running(control, application, **fields) -> Job:
    job = submitted(control, application, **fields)
    return control.jobs.wait(job.id, [JobState.RUNNING], HANG_SECONDS, poll_interval=0.1)


def at_work(control, jar, counted, **fields) -> Job:
    """A job of the jar that has counted some numbers."""
    job = running(control, jar, args=[str(counted)], **fields)
    before = len(numbers(counted))
    until(lambda: len(numbers(counted)), lambda seen: seen > before + 20)
    return job


def numbers(counted: Path) -> list[tuple[int, int]]:
    """The number and the count of each whole line."""
    lines = counted.read_text().splitlines(keepends=True) if counted.exists() else []
    return [tuple(map(int, line.split())) for line in lines if line.endswith("\n")]


def stopped_with_savepoint(control, job) -> Job:
    control.jobs.terminate(job.id, savepoint=True, actor="the test")
    return succeeded(control, job)


def succeeded(control, job) -> Job:
    look = raise_if_savepoint_failed if control.jobs.get(job.id).savepoint_requested else None
    return control.jobs.wait(job.id, timeout=HANG_SECONDS, poll_interval=0.1, on_poll=look)


def killed(control, job) -> Job:
    control.jobs.terminate(job.id)
    return control.jobs.wait(job.id, [JobState.KILLED], HANG_SECONDS, poll_interval=0.1)


def test_a_job_goes_on_where_its_savepoint_was_made_although_its_cluster_has_gone(
    control, settings, cluster, jar, counted
):
    first = at_work(control, jar, counted, masterMemory="1Gi", workerMemGb=1)
    assert first.owns_cluster
    ended = stopped_with_savepoint(control, first)
    assert (ended.state, ended.savepoint_requested, ended.diagnosis) == (JobState.SUCCEEDED, False, None)
    assert (Path(ended.savepoint.removeprefix("file:")) / "_metadata").is_file()
    assert ended.savepoint.startswith(f"file:{settings.home}/savepoints/")
    assert control.clusters.get(first.cluster_id).state.value in {"TERMINATING", "TERMINATED"}
    stopped_after = len(numbers(counted))

    second = at_work(control, jar, counted, clusterId=cluster.id, savepoint=ended.savepoint)
    assert second.as_json()["savepoint"] == ended.savepoint
    killed(control, second)
    seen = numbers(counted)
    assert len(seen) > stopped_after
    assert seen == [(number, number) for number in range(1, len(seen) + 1)], (
        "each number once, and counted on"
    )


@pytest.mark.long
def test_a_savepoint_that_cannot_be_made_leaves_the_job_at_work(control, cluster, jar, counted, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("where a folder would have to be")
    folder = {"execution.checkpointing.savepoint-dir": f"file://{blocked}/savepoints"}
    job = at_work(control, jar, counted, clusterId=cluster.id, extraCmd=folder)
    with pytest.raises(
        SavepointFailed, match=r"keeps running: .*Failed to create savepoint directory"
    ) as raised:
        stopped_with_savepoint(control, job)
    assert str(blocked) in raised.value.diagnosis.remedy
    going = control.jobs.get(job.id)
    assert (going.state, going.savepoint_requested, going.savepoint) == (JobState.RUNNING, False, "")
    assert going.savepoint_failure == raised.value.diagnosis
    before = len(numbers(counted))
    until(lambda: len(numbers(counted)), lambda seen: seen > before + 20)

    blocked.unlink()
    again = stopped_with_savepoint(control, job)
    assert again.savepoint.startswith(f"file:{blocked}/savepoints/"), "the second request is not the first"


@pytest.mark.long
def test_who_is_killed_after_the_wish_was_saved_leaves_it_to_whoever_looks_next(
    control, settings, cluster, jar, counted
):
    job = at_work(control, jar, counted, clusterId=cluster.id)
    killed = multiprocessing.get_context("fork").Process(target=_stop_and_be_killed, args=(settings, job))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    wished = control.jobs.get(job.id)
    assert (wished.state, wished.savepoint_requested) == (JobState.STOPPING, True)
    ended = succeeded(control, job)
    assert (ended.state, bool(ended.savepoint)) == (JobState.SUCCEEDED, True)


def _stop_and_be_killed(settings, job):
    control = connect(settings)
    look = control.platform.observe_jobs

    def look_or_die(jobs):
        if any(each.savepoint_requested for each, _ in jobs):
            os.kill(os.getpid(), signal.SIGKILL)
        return look(jobs)

    control.platform.observe_jobs = look_or_die
    control.jobs.terminate(job.id, savepoint=True)


@pytest.mark.long
def test_the_savepoint_is_found_by_who_comes_late(control, cluster, jar, counted):
    job = at_work(control, jar, counted, clusterId=cluster.id)
    wished = control.registry.jobs.save(stop_job_with_savepoint(job, utc_now()))
    ended = until(lambda: _poll(control, wished, cluster), lambda seen: seen.savepoint)
    unaware = _poll(control, job, cluster)
    assert unaware.phase is JobPhase.SUCCEEDED
    assert succeeded(control, job).savepoint == ended.savepoint, "although another saw the end before"

    url = control.clusters.get(cluster.id).master_url.removeprefix("http://").split(":")
    later = stop_job_with_savepoint(
        job, utc_now()
    )  # a request that Flink does not know, as after some minutes
    phases = {flink_job_id(job.key, job.generation): JobPhase.SUCCEEDED}
    found = go_on_stopping(HttpRest(url[0], int(url[1])), later, phases, "/nowhere")
    assert (found.savepoint, found.failure) == (ended.savepoint, None)


def _poll(control, job, cluster):
    return control.platform.observe_jobs([(job, cluster)])[job.id]


@pytest.mark.long
def test_who_looked_first_without_the_wish_does_not_hide_the_savepoint(control, cluster, jar, counted):
    job = at_work(control, jar, counted, clusterId=cluster.id)
    wished = control.registry.jobs.save(stop_job_with_savepoint(job, utc_now()))
    asked = control.platform.observe_jobs([(wished, cluster)])
    assert not asked[job.id].savepoint, "it has only been asked for"
    until(lambda: _poll(control, job, cluster).phase, lambda seen: seen is JobPhase.SUCCEEDED)
    assert succeeded(control, job).savepoint


@pytest.mark.long
def test_a_sql_file_is_stopped_with_a_savepoint_and_goes_on_from_it(control, settings, cluster):
    first = running(control, SQL, clusterId=cluster.id)
    until(lambda: _counted(settings, cluster), lambda seen: len(seen) > 50)
    ended = stopped_with_savepoint(control, first)
    last = _counted(settings, cluster)[-1]
    second = running(control, SQL, clusterId=cluster.id, savepoint=ended.savepoint)
    more = until(lambda: _counted(settings, cluster), lambda seen: seen[-1] > last + 50)
    killed(control, second)
    assert more == list(range(1, len(more) + 1))


def _counted(settings, cluster) -> list[int]:
    """The results of the SQL file, one by one as they came."""
    log = (settings.home / "logs" / cluster.name / "worker-0.log").read_text()
    lines = [line for line in log.splitlines() if line.startswith("counted> +") and line.endswith("]")]
    found = [tuple(map(int, line.split("[")[1].rstrip("]").split(", "))) for line in lines]
    assert all(number == rows for number, rows in found)
    return [number for number, _ in found]


@pytest.mark.long
def test_two_flink_jobs_of_one_job_cannot_be_stopped_with_a_savepoint(control, cluster, tmp_path):
    both = tmp_path / "both.sql"
    insert = "INSERT INTO counted SELECT MAX(n), COUNT(*) FROM numbers;\n"
    text = Path(SQL).read_text().replace("'print', 'print-identifier' = 'counted'", "'blackhole'")
    both.write_text(f"SET 'table.dml-sync' = 'false';\n{text}{insert}")
    job = running(control, str(both), clusterId=cluster.id)
    until(lambda: control.jobs.logs(job.id), lambda log: log.count("Successfully submitted job") == 2)
    with pytest.raises(SavepointFailed, match="2 Flink jobs running"):
        stopped_with_savepoint(control, job)
    assert control.jobs.observe([job.id])[job.id].state is JobState.RUNNING
    killed(control, job)


@pytest.mark.long
def test_a_job_starts_from_a_retained_checkpoint(control, cluster, jar, counted, tmp_path):
    keeping = {
        "execution.checkpointing.interval": "200 ms",
        "execution.checkpointing.dir": f"file://{tmp_path}/checkpoints",
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    }
    first = at_work(control, jar, counted, clusterId=cluster.id, extraCmd=keeping)
    folder = tmp_path / "checkpoints" / flink_job_id(first.key, first.generation)
    until(lambda: list(folder.glob("chk-*/_metadata")), bool)
    killed(control, first)
    # One that was completed in the moment of the end is there beside the one that it replaces.
    (kept,) = until(lambda: list(folder.glob("chk-*/_metadata")), lambda seen: len(seen) == 1)
    counted_before = len(numbers(counted))

    second = at_work(control, jar, counted, clusterId=cluster.id, savepoint=str(kept.parent))
    killed(control, second)
    resumed = numbers(counted)[counted_before:]
    assert 1 < resumed[0][0] <= counted_before + 1, "what came after the checkpoint is done again"
    assert resumed == [(number, number) for number in range(resumed[0][0], resumed[0][0] + len(resumed))]


@pytest.mark.long
def test_a_savepoint_that_cannot_be_used_fails_the_job_and_is_named(control, cluster, jar, counted, tmp_path):
    missing = f"{tmp_path}/no/such"
    with pytest.raises(JobFailed, match=f"There is no savepoint in {missing}"):
        running(control, jar, clusterId=cluster.id, args=[str(counted)], savepoint=missing)
    with pytest.raises(JobFailed, match=f"There is no savepoint in {missing}"):
        succeeded(control, submitted(control, SQL, clusterId=cluster.id, savepoint=missing))

    savepoint = stopped_with_savepoint(
        control, at_work(control, jar, counted, clusterId=cluster.id)
    ).savepoint
    renamed = {"clusterId": cluster.id, "args": [str(counted), "renamed"], "savepoint": savepoint}
    with pytest.raises(
        JobFailed, match=r"(?s)does not fit the savepoint file:.*ignore-unclaimed-state"
    ) as raised:
        running(control, jar, **renamed)
    assert savepoint in raised.value.diagnosis.cause
    before = len(numbers(counted))
    dropping = {"execution.state-recovery.ignore-unclaimed-state": True}
    job = running(control, jar, **renamed, extraCmd=dropping)
    first = until(lambda: numbers(counted)[before:], bool)[0]
    assert first == (before + 1, 1), "the numbers go on, the count begins anew"
    killed(control, job)

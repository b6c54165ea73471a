"""Stopping jobs with a savepoint: what is asked for once, by whomever, and what comes of it."""

from __future__ import annotations

import pytest

from dcluster_provider.control.records import utc_now
from dcluster_provider.control.savepoints import raise_if_savepoint_failed, savepoint_of
from dcluster_provider.core.diagnosis import Diagnosis, SavepointCode
from dcluster_provider.core.errors import InvalidSpec, SavepointFailed
from dcluster_provider.core.observation import ClusterPhase, JobObservation, JobPhase
from dcluster_provider.core.record import JobState
from dcluster_provider.core.state import stop_job_with_savepoint
from dcluster_provider.engines.spark.log_patterns import SparkCode

FOLDER = "file:/savepoints/savepoint-1"
WHY = Diagnosis(
    SavepointCode.FAILED, "The folder cannot be written.", "Choose another.", ("Permission denied",)
)


@pytest.fixture
def cluster(control):
    return control.clusters.launch({"tenant": "team", "type": "flink"})


@pytest.fixture
def job(control, cluster):
    spec = {"client": "team", "module": "etl", "application": "etl.jar", "jobType": "flink"}
    job = control.jobs.submit(spec | {"clusterId": cluster.id})
    return control.jobs.observe([job.id])[job.id]


def look(control, job):
    return control.jobs.observe([job.id])[job.id]


def test_the_folder_is_kept_and_the_job_has_succeeded(control, platform, job):
    stopping = control.jobs.terminate(job.id, savepoint=True, actor="ann")
    assert (stopping.state, stopping.savepoint_requested) == (JobState.STOPPING, True)
    assert look(control, job) == stopping
    assert len(platform.asked_to_stop) == 1, "however many look at it"
    platform.set_job(job, JobPhase.SUCCEEDED, savepoint=FOLDER)
    ended = look(control, job)
    assert (ended.state, ended.savepoint, ended.savepoint_requested) == (JobState.SUCCEEDED, FOLDER, False)
    assert savepoint_of(ended) == FOLDER
    assert control.jobs.terminate(job.id, savepoint=True) == ended, "asked again, it is the answer"
    events = [(each.action, each.actor, each.detail) for each in control.registry.events.list(job_id=job.id)]
    assert events[:2] == [("SUCCEEDED", "", f"savepoint {FOLDER}"), ("STOPPING", "ann", "with a savepoint")]


def test_a_savepoint_that_cannot_be_made_leaves_the_job_running_and_can_be_asked_for_again(
    control, platform, job
):
    control.jobs.terminate(job.id, savepoint=True)
    platform.set_job(job, JobPhase.RUNNING, savepoint_failure=WHY)
    going = look(control, job)
    assert (going.state, going.savepoint_requested, going.savepoint_failure) == (JobState.RUNNING, False, WHY)
    with pytest.raises(SavepointFailed, match="keeps running: The folder cannot be written"):
        raise_if_savepoint_failed(going)
    platform.set_job(job, JobPhase.RUNNING)
    assert look(control, job).savepoint_failure == WHY, "those who wait may look later"
    again = control.jobs.terminate(job.id, savepoint=True)
    assert (again.state, again.savepoint_failure) == (JobState.STOPPING, None)
    first, second = platform.asked_to_stop
    assert first != second, "another request than the one that failed"


def test_a_failure_that_is_known_at_once_is_raised_at_once(control, platform, job):
    platform.set_job(job, JobPhase.RUNNING, savepoint_failure=WHY)
    with pytest.raises(SavepointFailed, match="Permission denied"):
        control.jobs.terminate(job.id, savepoint=True)
    assert control.jobs.get(job.id).state is JobState.RUNNING


def test_the_wish_outlives_whoever_had_it(control, platform, job):
    saved = control.registry.jobs.save(stop_job_with_savepoint(job, utc_now()))  # and killed before it asked
    assert platform.asked_to_stop == []
    look(control, job)
    assert platform.asked_to_stop == [(job.id, saved.savepoint_request.isoformat())]


def test_what_was_seen_without_the_wish_does_not_decide_about_it(control, platform, job):
    # Another process read the job before the wish and asks Flink after the savepoint was made.
    control.jobs.terminate(job.id, savepoint=True)
    progress = control.jobs._progress
    progress._advance(job, JobObservation(JobPhase.SUCCEEDED))
    assert control.jobs.get(job.id).state is JobState.STOPPING
    platform.set_job(job, JobPhase.SUCCEEDED, savepoint=FOLDER)
    assert look(control, job).savepoint == FOLDER


def test_the_failure_of_an_earlier_wish_does_not_end_a_later_one(control, platform, job):
    first = control.jobs.terminate(job.id, savepoint=True)
    platform.set_job(job, JobPhase.RUNNING, savepoint_failure=WHY)
    look(control, job)
    platform.set_job(job, JobPhase.RUNNING)
    second = control.jobs.terminate(job.id, savepoint=True)
    control.jobs._progress._advance(first, JobObservation(JobPhase.RUNNING, savepoint_failure=WHY))
    assert control.jobs.get(job.id) == second


def test_a_plain_stop_gives_the_savepoint_up(control, platform, job):
    stopping = control.jobs.terminate(job.id, savepoint=True)
    killed = control.jobs.terminate(job.id)
    assert (killed.state, killed.savepoint_requested) == (JobState.KILLED, False)
    with pytest.raises(SavepointFailed, match="ended as KILLED before its savepoint was made"):
        savepoint_of(killed)
    late = JobObservation(JobPhase.SUCCEEDED, savepoint=FOLDER)
    control.jobs._progress._advance(stopping, late)
    assert control.jobs.get(job.id) == killed


@pytest.mark.parametrize("phase", [JobPhase.PENDING, JobPhase.ABSENT])
def test_a_job_that_is_not_at_work_is_refused(control, platform, cluster, phase):
    spec = {"client": "team", "module": "late", "application": "etl.jar", "jobType": "flink"}
    if phase is JobPhase.ABSENT:
        platform.set_cluster(cluster, ClusterPhase.STARTING)
    late = control.jobs.submit(spec | {"clusterId": cluster.id})
    if phase is JobPhase.PENDING:
        platform.set_job(late, phase)
    with pytest.raises(SavepointFailed, match="only a RUNNING job can make a savepoint"):
        control.jobs.terminate(late.id, savepoint=True)
    assert control.jobs.get(late.id).state in {JobState.REQUESTED, JobState.SUBMITTED}


def test_a_job_that_is_being_stopped_without_one_is_refused(control, platform, job):
    platform.stop_job = lambda job, cluster: None
    assert control.jobs.terminate(job.id).state is JobState.STOPPING
    with pytest.raises(SavepointFailed, match="is being stopped without one already"):
        control.jobs.terminate(job.id, savepoint=True)


def test_spark_jobs_and_jobs_without_a_folder_are_refused_by_name(control, platform, job):
    spark = control.clusters.launch({"tenant": "team"})
    other = control.jobs.submit(
        {"client": "team", "module": "spark", "application": "etl.py", "clusterId": spark.id}
    )
    with pytest.raises(InvalidSpec, match=r"field savepoint: job .* is of type 'spark3'"):
        control.jobs.terminate(other.id, savepoint=True)
    platform.savepoints = ""
    with pytest.raises(InvalidSpec, match=r"set execution.checkpointing.savepoint-dir .* or flink_storage"):
        control.jobs.terminate(job.id, savepoint=True)
    assert {control.jobs.get(number).state for number in (other.id, job.id)} <= {
        JobState.RUNNING,
        JobState.SUBMITTED,
    }


def test_a_cluster_that_breaks_meanwhile_loses_the_job(control, platform, cluster, job):
    control.jobs.terminate(job.id, savepoint=True)
    platform.set_cluster(cluster, ClusterPhase.BROKEN, code=SparkCode.MASTER_LOST)
    lost = look(control, job)
    assert (lost.state, lost.diagnosis.code) == (JobState.UNKNOWN, "MasterLost")
    with pytest.raises(SavepointFailed, match="MasterLost"):
        savepoint_of(lost)


def test_a_job_with_its_savepoint_made_has_succeeded_although_its_cluster_broke(
    control, platform, cluster, job
):
    control.jobs.terminate(job.id, savepoint=True)
    platform.set_job(job, JobPhase.SUCCEEDED, savepoint=FOLDER)
    platform.set_cluster(cluster, ClusterPhase.BROKEN, code=SparkCode.MASTER_LOST)
    assert look(control, job).savepoint == FOLDER

"""State transitions as tables: each row is a state, each column what is seen of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.diagnosis import ConnectionCode, Diagnosis, SavepointCode
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase, JobObservation, JobPhase
from dcluster_provider.core.record import Cluster, ClusterState, Job, JobState
from dcluster_provider.core.state import (
    advance_cluster,
    advance_job,
    begin_cluster,
    begin_job,
    end_cluster,
    fail_cluster,
    fail_job,
    stop_job,
    stop_job_with_savepoint,
)

BEFORE = datetime(2026, 1, 1, tzinfo=timezone.utc)
NOW = BEFORE + timedelta(minutes=5)
WHY = Diagnosis(
    ConnectionCode.CREDENTIALS_MISSING, "The image cannot be pulled.", "Correct its name.", ("an event",)
)
CLUSTER = Cluster(
    id=1,
    name="spark3-dev-team-1",
    key="key",
    generation=1,
    version=1,
    deployment="deployment",
    conn_id="dcluster_default",
    platform="local",
    spec=ClusterSpec(tenant="team"),
    owner=None,
    state=ClusterState.REQUESTED,
    created_at=BEFORE,
    state_since=BEFORE,
    last_used_at=BEFORE,
)
JOB = Job(
    id=1,
    key="key",
    generation=1,
    version=1,
    deployment="deployment",
    conn_id="dcluster_default",
    spec=JobSpec(client="team", module="report"),
    owner=None,
    state=JobState.REQUESTED,
    created_at=BEFORE,
    state_since=BEFORE,
    cluster_id=1,
)

# state           seen:  ABSENT        STARTING      ADMITTED      READY        BROKEN
CLUSTER_TABLE = """
    REQUESTED            REQUESTED     PROVISIONING  PROVISIONING  RUNNING      TERMINATING
    PROVISIONING         FAILED        PROVISIONING  PROVISIONING  RUNNING      TERMINATING
    RUNNING              FAILED        DEGRADED      DEGRADED      RUNNING      TERMINATING
    DEGRADED             FAILED        DEGRADED      DEGRADED      RUNNING      TERMINATING
    TERMINATING          TERMINATED    TERMINATING   TERMINATING   TERMINATING  TERMINATING
    TERMINATED           TERMINATED    TERMINATED    TERMINATED    TERMINATED   TERMINATED
    FAILED               FAILED        FAILED        FAILED        FAILED       FAILED
"""
# state      seen:  ABSENT     PENDING    RUNNING    SUCCEEDED  FAILED     KILLED     LOST
JOB_TABLE = """
    REQUESTED       REQUESTED  SUBMITTED  RUNNING    SUCCEEDED  FAILED     KILLED     UNKNOWN
    SUBMITTED       UNKNOWN    SUBMITTED  RUNNING    SUCCEEDED  FAILED     KILLED     UNKNOWN
    RUNNING         UNKNOWN    RUNNING    RUNNING    SUCCEEDED  FAILED     KILLED     UNKNOWN
    STOPPING        KILLED     STOPPING   STOPPING   SUCCEEDED  KILLED     KILLED     KILLED
    SUCCEEDED       SUCCEEDED  SUCCEEDED  SUCCEEDED  SUCCEEDED  SUCCEEDED  SUCCEEDED  SUCCEEDED
    FAILED          FAILED     FAILED     FAILED     FAILED     FAILED     FAILED     FAILED
    KILLED          KILLED     KILLED     KILLED     KILLED     KILLED     KILLED     KILLED
    UNKNOWN         UNKNOWN    UNKNOWN    UNKNOWN    UNKNOWN    UNKNOWN    UNKNOWN    UNKNOWN
"""

# A job that is being stopped with a savepoint ends as it would by itself, and goes on when none can be made.
WISH_TABLE = """
    still_wanted    UNKNOWN    STOPPING   STOPPING   SUCCEEDED  FAILED     KILLED     UNKNOWN
    cannot_be_made  UNKNOWN    RUNNING    RUNNING    SUCCEEDED  FAILED     KILLED     UNKNOWN
"""


def _cells(table, states, phases):
    """(state, what is seen, next state) of each cell; the table has to cover every state and phase."""
    rows = [line.split() for line in table.strip().splitlines()]
    assert [row[0] for row in rows] == [state.value for state in states]
    assert all(len(row) == 1 + len(phases) for row in rows)
    return [
        (states(row[0]), phase, states(cell))
        for row in rows
        for phase, cell in zip(phases, row[1:], strict=True)
    ]


CLUSTER_CELLS = _cells(CLUSTER_TABLE, ClusterState, list(ClusterPhase))
JOB_CELLS = _cells(JOB_TABLE, JobState, list(JobPhase))
LIVE_CLUSTERS = [state for state in ClusterState if not state.is_final]
LIVE_JOBS = [state for state in JobState if not state.is_final]


@pytest.mark.parametrize(("state", "phase", "expected"), CLUSTER_CELLS)
def test_cluster_advances(state, phase, expected):
    cluster = replace(CLUSTER, state=state)
    after = advance_cluster(cluster, ClusterObservation(phase), NOW)
    assert after.state is expected
    assert after.state_since == (BEFORE if expected is state else NOW)
    if expected is ClusterState.FAILED and state is not ClusterState.FAILED:
        assert after.diagnosis is not None, "a failing state carries a diagnosis"
    if phase is ClusterPhase.BROKEN and state in LIVE_CLUSTERS and state is not ClusterState.TERMINATING:
        assert after.diagnosis is not None


@pytest.mark.parametrize(("state", "phase", "expected"), JOB_CELLS)
def test_job_advances(state, phase, expected):
    job = replace(JOB, state=state)
    after = advance_job(job, JobObservation(phase), NOW)
    assert after.state is expected
    assert after.state_since == (BEFORE if expected is state else NOW)
    assert after.ended_at == (NOW if expected.is_final and not state.is_final else None)
    if expected in {JobState.FAILED, JobState.UNKNOWN} and not state.is_final:
        assert after.diagnosis is not None, "a failing state carries a diagnosis"


@pytest.mark.parametrize("state", ClusterState)
def test_cluster_seen_unchanged_is_the_same_object(state):
    phase = {
        ClusterState.REQUESTED: ClusterPhase.ABSENT,
        ClusterState.RUNNING: ClusterPhase.READY,
    }.get(state, ClusterPhase.STARTING)
    cluster = replace(CLUSTER, state=state, workers_ready=2, ui_url="ui")
    assert advance_cluster(cluster, ClusterObservation(phase, workers_ready=2), NOW) is cluster


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.REQUESTED])
def test_job_seen_unchanged_is_the_same_object(state):
    phase = JobPhase.PENDING if state is JobState.SUBMITTED else JobPhase.RUNNING
    job = replace(JOB, state=state, ui_url="ui", started_at=BEFORE if state is JobState.RUNNING else None)
    assert advance_job(job, JobObservation(phase), NOW) is job


def test_cluster_keeps_its_addresses_when_they_are_not_seen():
    seen = ClusterObservation(ClusterPhase.READY, "spark://m:7077", "http://m:8080", 3)
    running = advance_cluster(CLUSTER, seen, NOW)
    assert (running.master_url, running.ui_url, running.workers_ready) == (
        "spark://m:7077",
        "http://m:8080",
        3,
    )
    degraded = advance_cluster(running, ClusterObservation(ClusterPhase.STARTING, workers_ready=1), NOW)
    assert (degraded.master_url, degraded.ui_url, degraded.workers_ready) == (
        "spark://m:7077",
        "http://m:8080",
        1,
    )


def test_failing_cluster_is_removed_and_then_failed_with_its_reason():
    seen = ClusterObservation(ClusterPhase.BROKEN, ui_url="http://m:8080", diagnosis=WHY)
    broken = advance_cluster(replace(CLUSTER, state=ClusterState.PROVISIONING), seen, NOW)
    assert (broken.state, broken.diagnosis) == (ClusterState.TERMINATING, WHY)
    assert broken.ui_url == "http://m:8080"
    gone = advance_cluster(replace(broken, workers_ready=1), ClusterObservation(ClusterPhase.ABSENT), NOW)
    assert (gone.state, gone.diagnosis, gone.workers_ready) == (ClusterState.FAILED, WHY, 0)


def test_cluster_that_is_being_ended_does_not_fail_by_it():
    ending = end_cluster(replace(CLUSTER, state=ClusterState.RUNNING), NOW)
    assert ending.state is ClusterState.TERMINATING
    assert (
        advance_cluster(ending, ClusterObservation(ClusterPhase.BROKEN, diagnosis=WHY), NOW).diagnosis is None
    )
    assert fail_cluster(ending, WHY, NOW) is ending
    gone = advance_cluster(ending, ClusterObservation(ClusterPhase.ABSENT), NOW)
    assert (gone.state, gone.diagnosis) == (ClusterState.TERMINATED, None)


@pytest.mark.parametrize("state", ClusterState)
def test_beginning_ending_and_failing_clusters(state):
    cluster = replace(CLUSTER, state=state)
    is_new = state is ClusterState.REQUESTED
    assert begin_cluster(cluster, NOW).state is (ClusterState.PROVISIONING if is_new else state)
    assert end_cluster(cluster, NOW).state is (state if state.is_final else ClusterState.TERMINATING)
    failed = fail_cluster(cluster, WHY, NOW)
    assert failed.state is (state if state.is_final else ClusterState.TERMINATING)
    can_fail = state in LIVE_CLUSTERS and state is not ClusterState.TERMINATING
    assert failed.diagnosis == (WHY if can_fail else None)


@pytest.mark.parametrize("state", JobState)
def test_beginning_stopping_and_failing_jobs(state):
    job = replace(JOB, state=state)
    assert begin_job(job, NOW).state is (JobState.SUBMITTED if state is JobState.REQUESTED else state)
    assert stop_job(job, NOW).state is (JobState.STOPPING if state in LIVE_JOBS else state)
    failed = fail_job(job, WHY, NOW)
    expected = JobState.KILLED if state is JobState.STOPPING else JobState.FAILED
    assert failed.state is (expected if state in LIVE_JOBS else state)
    assert failed.diagnosis == (WHY if state in LIVE_JOBS else None)
    assert failed.ended_at == (NOW if state in LIVE_JOBS else None)


def test_lost_job_is_unknown():
    lost = fail_job(replace(JOB, state=JobState.RUNNING), WHY, NOW, JobState.UNKNOWN)
    assert (lost.state, lost.diagnosis) == (JobState.UNKNOWN, WHY)


def test_job_remembers_when_it_started_and_ended():
    running = advance_job(JOB, JobObservation(JobPhase.RUNNING, "http://d:4040"), NOW)
    assert (running.started_at, running.ended_at, running.ui_url) == (NOW, None, "http://d:4040")
    later = NOW + timedelta(hours=1)
    failed = advance_job(running, JobObservation(JobPhase.FAILED, exit_code=137, diagnosis=WHY), later)
    assert (failed.started_at, failed.ended_at, failed.state_since) == (NOW, later, later)
    assert (failed.exit_code, failed.diagnosis, failed.ui_url) == (137, WHY, "http://d:4040")


def test_quick_job_has_a_start():
    done = advance_job(JOB, JobObservation(JobPhase.SUCCEEDED, exit_code=0), NOW)
    assert (done.started_at, done.ended_at, done.exit_code) == (NOW, NOW, 0)


def test_exit_code_zero_is_kept():
    done = advance_job(replace(JOB, exit_code=5), JobObservation(JobPhase.SUCCEEDED, exit_code=0), NOW)
    assert done.exit_code == 0


WISHING = stop_job_with_savepoint(replace(JOB, state=JobState.RUNNING, started_at=BEFORE), BEFORE)
NO_SAVEPOINT = Diagnosis(SavepointCode.FAILED, "The folder cannot be written.", "Choose another.")
WISH_CELLS = [
    (failure, phase, JobState(cell))
    for row, failure in zip(WISH_TABLE.strip().splitlines(), (None, NO_SAVEPOINT), strict=True)
    for phase, cell in zip(JobPhase, row.split()[1:], strict=True)
]


@pytest.mark.parametrize(("failure", "phase", "expected"), WISH_CELLS)
def test_job_that_is_to_stop_with_a_savepoint_advances(failure, phase, expected):
    after = advance_job(WISHING, JobObservation(phase, savepoint_failure=failure), NOW)
    assert after.state is expected
    assert after.savepoint_requested is (expected is JobState.STOPPING), "the wish ends with the stopping"
    assert after.savepoint_failure == failure
    if expected in {JobState.FAILED, JobState.UNKNOWN}:
        assert after.diagnosis is not None, "a failing state carries a diagnosis"


def test_job_keeps_the_savepoint_that_it_was_stopped_with():
    seen = JobObservation(JobPhase.SUCCEEDED, savepoint="file:/savepoints/savepoint-1")
    after = advance_job(WISHING, seen, NOW)
    assert (after.state, after.savepoint) == (JobState.SUCCEEDED, "file:/savepoints/savepoint-1")
    assert (after.savepoint_requested, after.savepoint_request, after.diagnosis) == (False, None, None)


@pytest.mark.parametrize("state", JobState)
def test_only_a_job_at_work_is_stopped_with_a_savepoint(state):
    job = replace(JOB, state=state, savepoint_failure=NO_SAVEPOINT)
    after = stop_job_with_savepoint(job, NOW)
    if state is not JobState.RUNNING:
        assert after is job
        return
    assert (after.state, after.savepoint_requested, after.savepoint_request) == (JobState.STOPPING, True, NOW)
    assert after.savepoint_failure is None, "what became of an earlier wish is forgotten"


def test_a_plain_stop_gives_up_the_savepoint():
    after = stop_job(WISHING, NOW)
    assert (after.state, after.savepoint_requested, after.state_since) == (JobState.STOPPING, False, BEFORE)
    assert stop_job(after, NOW) is after
    assert advance_job(after, JobObservation(JobPhase.KILLED), NOW).state is JobState.KILLED


def test_a_job_whose_cluster_fails_before_the_savepoint_was_seen_is_not_called_killed():
    lost = fail_job(WISHING, WHY, NOW, JobState.UNKNOWN)
    assert (lost.state, lost.savepoint_requested) == (JobState.UNKNOWN, False)


def test_why_one_makes_no_progress_is_told_as_long_as_that_is_so_and_is_no_cause_of_its_end():
    running = replace(JOB, state=JobState.RUNNING, started_at=BEFORE)
    stuck = advance_job(running, JobObservation(JobPhase.RUNNING, hint=WHY), NOW)
    assert (stuck.state, stuck.diagnosis) == (JobState.RUNNING, WHY)
    again = replace(WHY, evidence=("seen 7 times",))
    assert advance_job(stuck, JobObservation(JobPhase.RUNNING, hint=again), NOW) is stuck
    assert advance_job(stuck, JobObservation(JobPhase.RUNNING), NOW).diagnosis is None
    assert advance_job(stuck, JobObservation(JobPhase.SUCCEEDED), NOW).diagnosis is None
    assert advance_job(stop_job(stuck, NOW), JobObservation(JobPhase.KILLED), NOW).diagnosis is None

    degraded = replace(CLUSTER, state=ClusterState.DEGRADED)
    stuck = advance_cluster(degraded, ClusterObservation(ClusterPhase.STARTING, hint=WHY), NOW)
    assert (stuck.state, stuck.diagnosis) == (ClusterState.DEGRADED, WHY)
    assert advance_cluster(stuck, ClusterObservation(ClusterPhase.READY), NOW).diagnosis is None
    gone = advance_cluster(end_cluster(stuck, NOW), ClusterObservation(ClusterPhase.ABSENT), NOW)
    assert (gone.state, gone.diagnosis) == (ClusterState.TERMINATED, None)

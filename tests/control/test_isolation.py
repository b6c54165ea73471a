"""What fails for one cluster or job of many, and what a wait bears."""

from __future__ import annotations

import zlib
from datetime import timedelta

import pytest
from hanging import HANG_SECONDS

from dcluster_provider.control import observation_errors, waiting
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import (
    CredentialsRefused,
    InvalidSpec,
    JobFailed,
    PlatformRefused,
    PlatformUnavailable,
    RegistryUnusable,
    WaitTimeout,
)
from dcluster_provider.core.observation import JobPhase, ObservationError
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.platforms.kubernetes.diagnosis.requests import RequestCode

SPEC = {"client": "team", "module": "etl", "application": "etl.py"}
SILENT = PlatformUnavailable("the API server does not answer")
REFUSED = PlatformRefused(
    "a look", Diagnosis(RequestCode.FORBIDDEN, "airflow may not get jobs.", "Grant it.")
)


@pytest.fixture
def jobs(control):
    """Three jobs at work, each on a cluster of its own."""
    ids = [control.jobs.submit(SPEC | {"module": name}).id for name in "abc"]
    control.jobs.observe(ids)
    return list(control.jobs.observe(ids).values())


@pytest.fixture
def only(monkeypatch, platform):
    """Have one method of the platform fail for one record."""

    def only(name, record, error):
        method = getattr(platform, name)

        def fail_for_one(it, *more):
            if it.id == record:
                raise error
            return method(it, *more)

        monkeypatch.setattr(platform, name, fail_for_one)

    return only


@pytest.fixture
def unobservable(monkeypatch, platform):
    """Hide jobs, or clusters, for the reason of a look; returns what hides, by id."""
    hides = {}
    for name in ("observe_jobs", "observe_clusters"):
        look = getattr(platform, name)
        monkeypatch.setattr(
            platform,
            name,
            lambda asked, look=look, name=name: (
                look(asked) | {it: hides[name, it] for it in look(asked) if (name, it) in hides}
            ),
        )
    return hides


def states(control, jobs):
    return [job.state for job in control.jobs.observe([job.id for job in jobs]).values()]


@pytest.mark.parametrize("error", [SILENT, REFUSED])
def test_an_own_cluster_that_cannot_be_ended_keeps_no_job_from_its_end(control, platform, jobs, only, error):
    for job in jobs:
        platform.set_job(job, JobPhase.SUCCEEDED)
    only("delete_cluster", jobs[0].cluster_id, error)
    assert states(control, jobs) == [JobState.SUCCEEDED] * 3
    ends = [control.clusters.get(job.cluster_id).state for job in jobs]
    assert ends == [ClusterState.TERMINATING, ClusterState.TERMINATED, ClusterState.TERMINATED]


def test_a_job_that_cannot_be_stopped_keeps_no_other_from_its_end(control, platform, jobs, only, monkeypatch):
    monkeypatch.setattr("dcluster_provider.control.job_progress._STOP_GRACE_PERIOD", timedelta(0))
    only("stop_job", jobs[0].id, REFUSED)
    with pytest.raises(PlatformRefused):
        control.jobs.terminate(jobs[0].id)
    platform.set_job(jobs[1], JobPhase.SUCCEEDED)
    assert states(control, jobs) == [JobState.STOPPING, JobState.SUCCEEDED, JobState.RUNNING]


def test_a_job_with_a_setting_that_cannot_be_fails_with_the_reason(control, only):
    cluster = control.clusters.launch({"tenant": "team"})
    job = control.jobs.request(SPEC | {"clusterId": cluster.id})
    only("apply_job", job.id, InvalidSpec("field mainClass: is empty"))
    with pytest.raises(JobFailed, match="field mainClass: is empty"):
        control.jobs.wait(job.id, timeout=HANG_SECONDS)


def test_a_job_that_cannot_be_seen_stays_as_it_was_and_the_others_go_on(
    control, platform, jobs, unobservable
):
    for job in jobs:
        platform.set_job(job, JobPhase.SUCCEEDED)
    unobservable["observe_jobs", jobs[0].id] = ObservationError(SILENT, is_refused=False)
    unobservable["observe_clusters", jobs[1].cluster_id] = ObservationError(SILENT, is_refused=False)
    assert states(control, jobs) == [JobState.RUNNING, JobState.SUCCEEDED, JobState.SUCCEEDED]
    assert control.jobs.unobservable(control.jobs.get(jobs[0].id)).why is SILENT
    unobservable.clear()
    assert states(control, jobs) == [JobState.SUCCEEDED] * 3
    assert control.jobs.unobservable(control.jobs.get(jobs[0].id)) is None


def test_a_cluster_is_not_removed_before_the_ends_of_its_jobs_are_known(
    control, platform, jobs, unobservable
):
    platform.set_job(jobs[0], JobPhase.SUCCEEDED)
    unobservable["observe_jobs", jobs[0].id] = ObservationError(SILENT, is_refused=False)
    ended = control.clusters.terminate(jobs[0].cluster_id)
    assert ended.state is ClusterState.TERMINATING
    assert ended.name in platform.clusters
    unobservable.clear()
    assert control.clusters.observe([ended.id])[ended.id].state is ClusterState.TERMINATED
    assert control.jobs.get(jobs[0].id).state is JobState.SUCCEEDED


def test_one_whose_jobs_may_not_be_seen_is(control, platform, jobs, unobservable):
    unobservable["observe_jobs", jobs[0].id] = ObservationError(REFUSED, is_refused=True)
    assert control.clusters.terminate(jobs[0].cluster_id).state is ClusterState.TERMINATED
    assert control.jobs.get(jobs[0].id).state is JobState.KILLED


def test_what_is_refused_for_minutes_is_waited_for_no_longer(
    control, platform, jobs, unobservable, monkeypatch
):
    unobservable["observe_jobs", jobs[0].id] = ObservationError(REFUSED, is_refused=True)
    unobservable["observe_clusters", jobs[1].cluster_id] = ObservationError(REFUSED, is_refused=True)
    monkeypatch.setattr(observation_errors, "_REFUSED_SECONDS", 0.1)
    with pytest.raises(PlatformRefused, match="airflow may not get jobs"):
        control.jobs.wait(jobs[0].id, timeout=HANG_SECONDS, poll_interval=0.02)
    with pytest.raises(WaitTimeout):  # the job itself is seen
        control.jobs.wait(jobs[1].id, timeout=0.3, poll_interval=0.02)
    with pytest.raises(PlatformRefused, match="airflow may not get jobs"):
        control.clusters.wait(jobs[1].cluster_id, (), timeout=HANG_SECONDS, poll_interval=0.02)


def test_a_job_that_waits_for_a_cluster_which_may_not_be_seen_waits_no_longer(
    control, unobservable, monkeypatch
):
    cluster = control.clusters.request({"tenant": "team"})
    job = control.jobs.request(SPEC | {"clusterId": cluster.id})
    unobservable["observe_clusters", cluster.id] = ObservationError(REFUSED, is_refused=True)
    monkeypatch.setattr(observation_errors, "_REFUSED_SECONDS", 0.1)
    with pytest.raises(PlatformRefused, match="airflow may not get jobs"):
        control.jobs.wait(job.id, timeout=HANG_SECONDS, poll_interval=0.02)


def test_the_check_tells_what_it_could_not_see(control, jobs, unobservable):
    unobservable["observe_jobs", jobs[0].id] = ObservationError(REFUSED, is_refused=True)
    unobservable["observe_clusters", jobs[1].cluster_id] = ObservationError(SILENT, is_refused=False)
    told = {line.subject: line.why for line in control.upkeep.check_clusters().lines}
    assert "airflow may not get jobs" in told[str(jobs[0])]
    assert "does not answer" in told[str(control.clusters.get(jobs[1].cluster_id))]


@pytest.mark.parametrize("error", [RegistryUnusable("failing over"), CredentialsRefused("expired")])
def test_a_wait_bears_looks_that_fail_for_less_than_a_minute(control, platform, jobs, monkeypatch, error):
    platform.set_job(jobs[0], JobPhase.SUCCEEDED)
    reconnected, failures = [], [error] * 3
    observe = platform.observe_clusters

    def fail_first(asked):
        if failures:
            raise failures.pop()
        return observe(asked)

    monkeypatch.setattr(platform, "observe_clusters", fail_first)
    monkeypatch.setattr(platform, "reconnect", lambda: reconnected.append(len(failures)))
    ended = control.jobs.wait(jobs[0].id, timeout=HANG_SECONDS, poll_interval=0.01)
    assert ended.state is JobState.SUCCEEDED
    assert reconnected == ([2, 1, 0] if isinstance(error, CredentialsRefused) else [])


@pytest.mark.parametrize("wait", ["clusters", "jobs"])
def test_a_wait_is_given_up_after_a_minute_of_them(control, platform, jobs, monkeypatch, wait):
    def fail(asked):
        raise RegistryUnusable("the registry is gone")

    monkeypatch.setattr(platform, "observe_clusters", fail)
    monkeypatch.setattr(waiting, "_RETRY_SECONDS", 0.05)
    number = jobs[0].id if wait == "jobs" else jobs[0].cluster_id
    with pytest.raises(RegistryUnusable, match="is gone"):
        getattr(control, wait).wait(number, (), timeout=HANG_SECONDS, poll_interval=0.01)


def test_what_a_job_hands_back_is_waited_for_while_its_log_cannot_be_read(
    control, platform, jobs, monkeypatch
):
    job = control.jobs.submit(SPEC | {"module": "function", "returnsResult": True})
    control.jobs.observe([job.id])
    platform.set_job(job, JobPhase.SUCCEEDED)
    platform.unreadable = {job.id}
    for _ in range(20):  # as many as changes of pods ask for
        assert states(control, [job]) == [JobState.RUNNING]
    monkeypatch.setattr("dcluster_provider.control.job_progress._LOG_SECONDS", 0.0)
    assert states(control, [job]) == [JobState.SUCCEEDED]


def test_a_log_that_only_looks_like_a_result_fails_no_wait(control, platform, jobs):
    spec = SPEC | {"module": "function", "returnsResult": True}
    forged, whole = (control.jobs.submit(spec | {"client": name}) for name in ("forged", "whole"))
    control.jobs.observe([forged.id, whole.id])
    crc = zlib.crc32(b"MQ==")
    for job, index in ((forged, 0), (whole, 1)):
        platform.logs[job.id] = f"dcluster-result {job.id} result {index}/1 {crc:08x} MQ==\n"
        platform.set_job(job, JobPhase.SUCCEEDED)
    after = control.jobs.observe([forged.id, whole.id])
    assert {it.state for it in after.values()} == {JobState.SUCCEEDED}
    assert (after[forged.id].result, after[whole.id].result) == (None, "1")

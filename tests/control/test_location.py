"""Clusters that were made elsewhere than where the connection leads by now: nothing is concluded of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hanging import HANG_SECONDS

from dcluster_provider.control import observation_errors
from dcluster_provider.control.external_clusters import ExternalCluster
from dcluster_provider.control.upkeep.maintenance_run import OwnerState
from dcluster_provider.core.errors import ClusterFailed, PlatformRefused
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.observation import JobPhase
from dcluster_provider.core.record import ClusterState, JobState

HERE, ELSEWHERE = "folder /here", "folder /elsewhere"
REFUSAL = rf"made in {HERE}, and the connection now leads to {ELSEWHERE}"
SPEC = {"tenant": "team"}
JOB = {"client": "team", "module": "etl", "application": "etl.py"}
OWNER = Owner("airflow", "dag", "run", "task")
OF_A_CLUSTER = ("apply_cluster", "delete_cluster", "observe_clusters", "busy_clusters", "prepare")
OF_A_JOB = ("stage_job", "apply_job", "stop_job", "observe_jobs", "savepoint_folder")


class Connection:
    """A connection that can be edited: it leads to another place then, where nothing is.

    :param asked: what the platform was asked there of clusters and jobs.
    """

    def __init__(self, platform) -> None:
        self.asked: list[str] = []
        self._platform = platform
        self._away = {"location": ELSEWHERE, "clusters": {}, "jobs": {}}

    def edit(self):
        """Lead to the other place, or back."""
        for name, value in self._away.items():
            self._away[name] = getattr(self._platform, name)
            setattr(self._platform, name, value)


@pytest.fixture
def connection(monkeypatch, platform):
    connection = Connection(platform)
    for name in OF_A_CLUSTER + OF_A_JOB:
        method = getattr(platform, name)

        def note(*given, method=method, name=name):
            if platform.location == ELSEWHERE:
                connection.asked.append(name)
            return method(*given)

        monkeypatch.setattr(platform, name, note)
    return connection


@pytest.fixture
def job(control):
    """A job at work on a cluster of its own."""
    job = control.jobs.submit(JOB, "job")
    control.jobs.observe([job.id])
    return control.jobs.observe([job.id])[job.id]


def look(control, job):
    after = control.jobs.observe([job.id])[job.id]
    return after.state, control.clusters.get(job.cluster_id).state


def test_a_cluster_and_its_job_stay_as_they_were_and_go_on_when_the_place_is_back(
    control, platform, job, connection
):
    before = control.clusters.get(job.cluster_id)
    assert before.location == HERE
    connection.edit()
    assert look(control, job) == (JobState.RUNNING, ClusterState.RUNNING)
    assert control.clusters.observe([before.id]) == {before.id: before}
    diagnosis = control.jobs.unobservable(job).why.diagnosis
    assert diagnosis.code == "ClusterElsewhere"
    assert "dcluster_default" in diagnosis.remedy
    assert connection.asked == []
    connection.edit()
    platform.set_job(job, JobPhase.SUCCEEDED)
    assert look(control, job) == (JobState.SUCCEEDED, ClusterState.TERMINATED)


@pytest.mark.parametrize("kind", ["clusters", "jobs"])
def test_a_wait_is_refused_after_minutes(control, job, connection, monkeypatch, kind):
    monkeypatch.setattr(observation_errors, "_REFUSED_SECONDS", 0.1)
    connection.edit()
    number = job.id if kind == "jobs" else job.cluster_id
    with pytest.raises(PlatformRefused, match=REFUSAL):
        getattr(control, kind).wait(number, (), timeout=HANG_SECONDS, poll_interval=0.02)
    assert connection.asked == []


def test_an_end_is_remembered_until_the_place_is_back(control, platform, job, connection):
    connection.edit()
    assert control.clusters.terminate(job.cluster_id).state is ClusterState.TERMINATING
    assert look(control, job) == (JobState.STOPPING, ClusterState.TERMINATING)
    assert connection.asked == []
    connection.edit()
    assert look(control, job) == (JobState.KILLED, ClusterState.TERMINATED)
    assert platform.clusters == {}


def test_a_job_is_not_stopped_elsewhere(control, platform, job, connection, monkeypatch):
    connection.edit()
    assert control.jobs.terminate(job.id).state is JobState.STOPPING
    assert connection.asked == []
    connection.edit()
    monkeypatch.setattr("dcluster_provider.control.job_progress._STOP_GRACE_PERIOD", timedelta(0))
    control.jobs.observe([job.id])
    assert look(control, job) == (JobState.KILLED, ClusterState.TERMINATED)


def test_a_job_is_not_started_elsewhere(control, platform, connection):
    cluster = control.clusters.launch(SPEC)
    control.clusters.observe([cluster.id])
    waiting = control.jobs.request(JOB | {"clusterId": cluster.id}, "waiting")
    connection.edit()
    assert control.jobs.observe([waiting.id])[waiting.id].state is JobState.REQUESTED
    with pytest.raises(PlatformRefused, match=REFUSAL):
        control.jobs.submit(JOB | {"clusterId": cluster.id}, "waiting")
    with pytest.raises(PlatformRefused, match=REFUSAL):
        control.jobs.submit(JOB | {"module": "new", "clusterId": cluster.id})
    assert ([it.id for it in control.jobs.list()], connection.asked, platform.started) == (
        [waiting.id],
        [],
        [],
    )
    connection.edit()
    assert control.jobs.submit(JOB | {"clusterId": cluster.id}, "waiting").state is JobState.SUBMITTED
    assert (platform.started, platform.staged) == (["etl"], [waiting.id])


def test_no_savepoint_is_asked_for_elsewhere(control, connection):
    job = control.jobs.submit(JOB | {"jobType": "flink"})
    control.jobs.observe([job.id])
    job = control.jobs.observe([job.id])[job.id]
    connection.edit()
    with pytest.raises(PlatformRefused, match=REFUSAL):
        control.jobs.terminate(job.id, savepoint=True)
    assert (control.jobs.get(job.id), connection.asked) == (job, [])


@pytest.mark.parametrize("state", [ClusterState.REQUESTED, ClusterState.RUNNING, ClusterState.TERMINATING])
def test_the_same_request_is_refused_and_another_is_not(control, platform, connection, state):
    if state is ClusterState.REQUESTED:
        first = control.clusters.request(SPEC, "key")
    else:
        first = control.clusters.launch(SPEC, "key")
        control.clusters.observe([first.id])
    connection.edit()
    if state is ClusterState.TERMINATING:
        control.clusters.terminate(first.id)
    for ask in (control.clusters.launch, control.clusters.request):
        with pytest.raises(PlatformRefused, match=REFUSAL):
            ask(SPEC, "key")
    assert (control.clusters.get(first.id).state, len(control.clusters.list()), connection.asked) == (
        state,
        1,
        [],
    )
    other = control.clusters.launch(SPEC, "other")
    assert (other.location, list(platform.clusters)) == (ELSEWHERE, [other.name])


def test_a_launch_that_was_cut_short_is_not_gone_on_with_elsewhere(control, platform, connection):
    cluster = control.clusters.request(SPEC, "key")
    connection.edit()
    with pytest.raises(PlatformRefused, match=REFUSAL):
        control.clusters.resume(cluster.id)
    assert (control.clusters.get(cluster.id), connection.asked) == (cluster, [])
    connection.edit()
    assert control.clusters.resume(cluster.id).state is ClusterState.PROVISIONING


def test_a_job_of_a_client_whose_long_living_cluster_is_elsewhere_gets_no_other(control, connection):
    shared = JOB | {"useLongLivingCluster": True}
    first = control.jobs.submit(shared)
    connection.edit()
    for ask in (control.jobs.submit, control.jobs.request):
        with pytest.raises(PlatformRefused, match=REFUSAL):
            ask(shared | {"module": "other"})
    assert ([it.id for it in control.clusters.list()], connection.asked) == ([first.cluster_id], [])


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_check_tells_of_them_and_leaves_them(control, job, connection, dry_run):
    cluster = control.clusters.launch(SPEC | {"idle_timeout": 1}, owner=OWNER)
    control.clusters.observe([cluster.id])
    connection.edit()
    over = OwnerState(run="failed", task="failed")
    report = control.upkeep.check_clusters(lambda owners: dict.fromkeys(owners, over), dry_run=dry_run)
    told = {line.subject for line in report.lines if "ClusterElsewhere" in line.why}
    own = control.clusters.get(job.cluster_id)
    assert told == {str(job), str(own), str(cluster)}
    assert (report.done, report.left, connection.asked) == ({}, 3, [])
    assert look(control, job) == (JobState.RUNNING, ClusterState.RUNNING)
    assert control.clusters.get(cluster.id).state is ClusterState.RUNNING


def test_one_that_was_made_before_places_were_remembered_is_taken_to_be_here(
    control, platform, connection, monkeypatch
):
    monkeypatch.setattr(platform, "location_of", lambda _spec: "")
    job = control.jobs.submit(JOB)
    control.jobs.observe([job.id])
    monkeypatch.undo()
    assert control.clusters.get(job.cluster_id).location == ""
    connection.edit()
    assert look(control, job) == (JobState.FAILED, ClusterState.FAILED)
    assert control.clusters.get(job.cluster_id).diagnosis.code == "ClusterVanished"


def test_one_on_another_server_is_elsewhere_and_a_server_that_nobody_tells_of_is_the_same(control, platform):
    platform.location = "namespace data"
    old = control.clusters.launch(SPEC, "old")
    assert old.location == "namespace data"
    platform.location = "namespace data, Kubernetes one"
    assert control.clusters.observe([old.id])[old.id].location == platform.location
    platform.location = "namespace data"  # nobody may tell of the server any more
    assert control.clusters.observe([old.id])[old.id].location == "namespace data, Kubernetes one"
    platform.location, platform.clusters = "namespace data, Kubernetes two", {}
    assert control.clusters.observe([old.id])[old.id].state is ClusterState.RUNNING
    diagnosis = control.clusters.unobservable(old.id).why.diagnosis
    assert (diagnosis.code, "made in namespace data, Kubernetes one" in diagnosis.cause) == (
        "ClusterElsewhere",
        True,
    )


def test_a_place_is_not_completed_by_a_server_on_which_nothing_of_the_cluster_is(control, platform):
    platform.location = "namespace data"
    old = control.clusters.launch(SPEC, "old")
    platform.location, platform.clusters = "namespace data, Kubernetes two", {}
    gone = control.clusters.observe([old.id])[old.id]
    assert (gone.state, gone.location) == (ClusterState.FAILED, "namespace data")


def test_one_that_somebody_else_runs_has_no_place(control, connection):
    known = ExternalCluster("reports", "spark3", "http://host:8080", "spark://host:7077")
    cluster = control.clusters.external(known)
    assert cluster.location == ""
    connection.edit()
    assert control.clusters.external(known).id == cluster.id


def test_one_that_has_ended_elsewhere_is_told_of_as_any_other(control, connection):
    ended = control.clusters.terminate(control.clusters.launch(SPEC, "key").id)
    connection.edit()
    with pytest.raises(ClusterFailed, match="was terminated"):
        control.jobs.submit(JOB | {"clusterId": ended.id})
    assert control.clusters.launch(SPEC, "key").location == ELSEWHERE

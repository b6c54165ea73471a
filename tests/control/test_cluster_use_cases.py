from __future__ import annotations

from dataclasses import replace

import pytest
from hanging import HANG_SECONDS

from dcluster_provider.core.diagnosis import ConnectionCode, Diagnosis
from dcluster_provider.core.errors import (
    ClusterFailed,
    ClusterInUse,
    InvalidSpec,
    NotFound,
    PlatformRefused,
    PlatformUnavailable,
    WaitTimeout,
)
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.observation import ClusterPhase, JobPhase
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.engines.spark.log_patterns import SparkCode
from dcluster_provider.platforms.local.codes import LocalCode

OWNER = Owner("airflow", "dag", "run", "task")
SPEC = {"tenant": "team", "workers": 2}


def test_the_same_key_adopts_a_live_cluster_and_replaces_an_ended_one(control, platform):
    first = control.clusters.launch(SPEC, owner=OWNER)
    assert control.clusters.launch(SPEC, owner=OWNER).id == first.id
    control.clusters.terminate(first.id)
    second = control.clusters.launch(SPEC, owner=OWNER)
    assert (second.generation, second.name != first.name) == (2, True)
    assert platform.list_clusters() == [second.name]


def test_nothing_is_launched_beside_what_does_not_go(control, platform, monkeypatch):
    monkeypatch.setattr("dcluster_provider.control.clusters._TERMINATION_SECONDS", 0.1)
    first = control.clusters.launch(SPEC, owner=OWNER)
    monkeypatch.setattr(platform, "delete_cluster", lambda cluster: None)  # its node does not answer
    stuck = control.clusters.terminate(first.id)
    assert stuck.state is ClusterState.TERMINATING
    for epoch in (0, 1):
        with pytest.raises(WaitTimeout, match=r"is TERMINATING .*nodes that do not answer"):
            control.clusters.launch(SPEC, owner=replace(OWNER, epoch=epoch))
    assert control.clusters.list() == [stuck]


def test_a_cleared_task_ends_what_its_older_epoch_launched(control, platform):
    first = control.clusters.launch(SPEC, owner=OWNER)
    second = control.clusters.launch(SPEC, owner=replace(OWNER, epoch=1))
    assert control.clusters.get(first.id).state is ClusterState.TERMINATED
    assert platform.list_clusters() == [second.name]


def test_running_means_that_every_worker_is_reported(control, platform):
    cluster = control.clusters.launch(SPEC)
    platform.set_cluster(cluster, ClusterPhase.STARTING, workers=1)
    assert control.clusters.status(cluster.id) is ClusterState.PROVISIONING
    platform.set_cluster(cluster, ClusterPhase.READY, workers=2)
    assert control.clusters.status(cluster.id) is ClusterState.RUNNING
    platform.set_cluster(cluster, ClusterPhase.STARTING, workers=1)
    assert control.clusters.status(cluster.id) is ClusterState.DEGRADED
    platform.set_cluster(cluster, ClusterPhase.READY, workers=2)
    assert control.clusters.status(cluster.name) is ClusterState.RUNNING


def test_a_broken_cluster_is_removed_and_keeps_its_diagnosis(control, platform):
    cluster = control.clusters.launch(SPEC)
    platform.set_cluster(cluster, ClusterPhase.BROKEN, code=SparkCode.MASTER_LOST)
    with pytest.raises(ClusterFailed, match=r"MasterLost.*\n.*What to do: Mend it"):
        control.clusters.wait(cluster.id, timeout=HANG_SECONDS, poll_interval=0.01)
    assert control.clusters.get(cluster.id).state is ClusterState.FAILED
    assert platform.list_clusters() == []


def test_a_cluster_that_vanishes_has_failed(control, platform):
    cluster = control.clusters.launch(SPEC)
    control.clusters.wait(cluster.id, timeout=HANG_SECONDS)
    platform.clusters.clear()
    assert control.clusters.status(cluster.id) is ClusterState.FAILED
    assert control.clusters.get(cluster.id).diagnosis.code == "ClusterVanished"


def test_what_the_platform_refuses_leaves_a_failed_row_and_nothing_else(control, platform):
    platform.refuses = Diagnosis(LocalCode.PACKAGE_INDEX_UNREACHABLE, "Nothing could be fetched.", "Connect.")
    with pytest.raises(ClusterFailed, match="PackageIndexUnreachable"):
        control.clusters.launch(SPEC)
    (cluster,) = control.clusters.list("failed")
    assert cluster.diagnosis.code == "PackageIndexUnreachable"
    assert platform.applied == []


def test_a_platform_that_cannot_be_used_stores_nothing(control, platform):
    platform.unusable = Diagnosis(ConnectionCode.CREDENTIALS_MISSING, "There are none.", "Give some.")
    with pytest.raises(PlatformRefused, match="There are none"):
        control.clusters.launch(SPEC, owner=OWNER)
    with pytest.raises(PlatformRefused, match="There are none"):
        control.jobs.submit({"client": "c", "module": "m"}, owner=OWNER)
    assert control.clusters.list() == []
    assert control.jobs.list() == []


def test_a_stored_request_waits_for_a_platform_that_can_be_used(control, platform):
    cluster = control.clusters.request(SPEC)
    platform.unusable = Diagnosis(ConnectionCode.CREDENTIALS_MISSING, "There are none.", "Give some.")
    with pytest.raises(PlatformRefused, match="There are none"):
        control.clusters.resume(cluster.id)
    assert control.clusters.get(cluster.id).state is ClusterState.REQUESTED
    platform.unusable = None
    assert control.clusters.resume(cluster.id).state is ClusterState.PROVISIONING


def test_a_request_for_which_a_package_is_missing_stores_nothing(control, platform):
    platform.unusable = Diagnosis(ConnectionCode.PROVIDER_MISSING, "It is not installed.", "Install it.")
    with pytest.raises(PlatformRefused, match="not installed"):
        control.clusters.request(SPEC)
    with pytest.raises(PlatformRefused, match="not installed"):
        control.jobs.request({"client": "c", "module": "m", "application": "a.py"})
    assert (control.clusters.list(), control.jobs.list()) == ([], [])


def test_a_cluster_of_which_nothing_was_made_fails_with_the_cause_when_its_platform_is_out_of_reach(
    control, platform
):
    job = control.jobs.request({"client": "c", "module": "m", "application": "a.py"})
    platform.unusable = Diagnosis(ConnectionCode.CREDENTIALS_MISSING, "There are none.", "Give some.")
    assert control.clusters.terminate(job.cluster_id).state is ClusterState.FAILED
    assert control.clusters.get(job.cluster_id).diagnosis.code == "CredentialsMissing"
    job = control.jobs.get(job.id)
    assert (job.state, job.diagnosis.code) == (JobState.KILLED, "CredentialsMissing")


def test_a_job_of_which_nothing_was_made_ends_when_its_platform_is_out_of_reach(control, platform):
    job = control.jobs.request({"client": "c", "module": "m", "application": "a.py"})
    platform.unusable = Diagnosis(ConnectionCode.CREDENTIALS_MISSING, "There are none.", "Give some.")
    assert control.jobs.terminate(job.id).state is JobState.KILLED
    assert control.clusters.get(job.cluster_id).state is ClusterState.FAILED


def test_one_that_does_not_answer_is_out_of_reach_too(control, platform, monkeypatch):
    def no_answer(_cluster):
        raise PlatformUnavailable("10.0.0.1 refused the connection")

    cluster = control.clusters.request(SPEC)
    monkeypatch.setattr(platform, "delete_cluster", no_answer)
    ended = control.clusters.terminate(cluster.id)
    assert (ended.state, ended.diagnosis.code) == (ClusterState.FAILED, "PlatformUnavailable")
    assert "10.0.0.1 refused" in ended.diagnosis.render()


def test_a_cluster_of_which_something_was_made_is_not_given_up(control, platform):
    cluster = control.clusters.launch(SPEC)
    platform.unusable = Diagnosis(ConnectionCode.CREDENTIALS_MISSING, "There are none.", "Give some.")
    with pytest.raises(PlatformRefused, match="There are none"):
        control.clusters.terminate(cluster.id)
    assert control.clusters.get(cluster.id).state is ClusterState.TERMINATING
    platform.unusable = None
    assert control.clusters.status(cluster.id) is ClusterState.TERMINATED


def test_what_was_seen_a_moment_ago_is_not_looked_at_again(control, platform):
    cluster = control.clusters.launch(SPEC)
    control.clusters.wait(cluster.id, timeout=HANG_SECONDS)
    platform.set_cluster(cluster, ClusterPhase.BROKEN, code=SparkCode.MASTER_LOST)
    assert control.clusters.wait(cluster.id, timeout=0, just_polled=True).state is ClusterState.RUNNING
    with pytest.raises(ClusterFailed):
        control.clusters.wait(cluster.id, timeout=0)


def test_terminating_twice_and_terminating_the_unknown(control):
    cluster = control.clusters.launch(SPEC)
    assert control.clusters.terminate(cluster.name).state is ClusterState.TERMINATED
    assert control.clusters.terminate(cluster.id).state is ClusterState.TERMINATED
    with pytest.raises(NotFound, match="no cluster 99"):
        control.clusters.terminate(99)


def test_waiting_gives_up_and_leaves_the_cluster(control, platform):
    cluster = control.clusters.launch(SPEC)
    platform.set_cluster(cluster, ClusterPhase.STARTING, workers=1)
    with pytest.raises(WaitTimeout, match="1 of 2 workers ready"):
        control.clusters.wait(cluster.id, timeout=0)
    assert platform.list_clusters() == [cluster.name]


def test_a_cluster_ended_while_it_is_made_is_removed_by_its_maker(control, platform):
    apply = platform.apply_cluster

    def end_meanwhile(cluster):
        control.clusters.terminate(cluster.id)
        apply(cluster)

    platform.apply_cluster = end_meanwhile
    cluster = control.clusters.launch(SPEC)
    assert cluster.state is ClusterState.TERMINATED
    assert platform.list_clusters() == []


def test_jobs_end_with_their_cluster(control):
    cluster = control.clusters.launch(SPEC)
    job = control.jobs.submit({"client": "c", "module": "m", "clusterId": cluster.id, "application": "a.py"})
    assert job.state is JobState.SUBMITTED
    control.clusters.terminate(cluster.id)
    assert control.jobs.get(job.id).state is JobState.KILLED


def test_states_are_named_in_any_case_and_a_wrong_one_is_refused(control):
    cluster = control.clusters.launch(SPEC)
    control.clusters.observe([cluster.id])
    assert [it.id for it in control.clusters.list("running")] == [cluster.id]
    with pytest.raises(InvalidSpec, match="did you mean 'RUNNING'"):
        control.clusters.list("runing")


def test_events_tell_who_did_what_when(control):
    cluster = control.clusters.launch(SPEC, owner=OWNER, actor=str(OWNER))
    control.clusters.observe([cluster.id])
    control.clusters.terminate(cluster.id, actor="anna")
    events = control.registry.events.list(cluster_id=cluster.id)
    told = [(event.action, event.actor, event.run_id) for event in reversed(events)]
    assert told == [
        ("REQUESTED", "dag.task of run", "run"),
        ("PROVISIONING", "dag.task of run", "run"),
        ("RUNNING", "", "run"),
        ("TERMINATING", "anna", "run"),
        ("TERMINATED", "", "run"),
    ]


def test_an_unused_cluster_is_ended_and_a_used_one_is_not(control, platform):
    cluster = control.clusters.launch(SPEC)
    job = control.jobs.submit({"client": "c", "module": "m", "clusterId": cluster.id, "application": "a.py"})
    assert control.clusters.end_unused(cluster.id, actor="check") is False
    assert platform.list_clusters() == [cluster.name]
    platform.set_job(job, JobPhase.SUCCEEDED)
    control.jobs.observe([job.id])
    assert control.clusters.end_unused(cluster.id, actor="check") is True
    assert control.clusters.get(cluster.id).state is ClusterState.TERMINATED
    assert platform.list_clusters() == []
    assert control.clusters.end_unused(cluster.id) is True


def test_a_task_does_not_end_a_shared_cluster_under_the_jobs_of_others(control, platform):
    cluster = control.clusters.launch(SPEC | {"longLiving": True}, owner=OWNER)
    spec = {"client": "c", "application": "a.py", "clusterId": cluster.id}
    own = control.jobs.submit(spec | {"module": "own"}, owner=replace(OWNER, task_id="own"))
    other = control.jobs.submit(spec | {"module": "other"}, owner=replace(OWNER, run_id="other", task_id="x"))
    with pytest.raises(ClusterInUse) as refused:
        control.clusters.terminate(cluster.id, asked_by=OWNER)
    for part in (str(cluster), str(other), "dag.x of other", "idle timeout", "force=True"):
        assert part in str(refused.value)
    assert str(own) not in str(refused.value)
    assert platform.list_clusters() == [cluster.name]
    assert not control.jobs.get(own.id).state.is_final
    ended = control.clusters.terminate(cluster.id, asked_by=OWNER, force=True)
    assert ended.state is ClusterState.TERMINATED
    assert control.jobs.get(other.id).state is JobState.KILLED


def test_a_task_ends_a_shared_cluster_that_only_its_own_run_uses(control, platform):
    cluster = control.clusters.launch(SPEC | {"longLiving": True}, owner=OWNER)
    spec = {"client": "c", "module": "m", "application": "a.py", "clusterId": cluster.id}
    own = control.jobs.submit(spec, owner=replace(OWNER, task_id="own"))
    assert control.clusters.terminate(cluster.id, asked_by=OWNER).state is ClusterState.TERMINATED
    assert control.jobs.get(own.id).state is JobState.KILLED


def test_a_cleared_launch_leaves_its_shared_cluster_to_the_jobs_on_it(control, platform):
    used = control.clusters.launch(SPEC | {"longLiving": True}, owner=OWNER)
    job = control.jobs.submit({"client": "c", "module": "m", "clusterId": used.id, "application": "a.py"})
    second = control.clusters.launch(SPEC | {"longLiving": True}, owner=replace(OWNER, epoch=1))
    assert platform.list_clusters() == [used.name, second.name]
    assert not control.jobs.get(job.id).state.is_final
    control.jobs.terminate(job.id)
    third = control.clusters.launch(SPEC | {"longLiving": True}, owner=replace(OWNER, epoch=2))
    assert platform.list_clusters() == [third.name]

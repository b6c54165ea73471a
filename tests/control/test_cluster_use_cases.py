from __future__ import annotations

from dataclasses import replace

import pytest

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import ClusterFailed, InvalidSpec, NotFound, WaitTimeout
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.observation import ClusterPhase
from dcluster_provider.core.record import ClusterState, JobState

OWNER = Owner("airflow", "dag", "run", "task")
SPEC = {"tenant": "team", "workers": 2}


def test_the_same_key_adopts_a_live_cluster_and_replaces_an_ended_one(control, platform):
    first = control.clusters.launch(SPEC, owner=OWNER)
    assert control.clusters.launch(SPEC, owner=OWNER).id == first.id
    control.clusters.terminate(first.id)
    second = control.clusters.launch(SPEC, owner=OWNER)
    assert (second.generation, second.name != first.name) == (2, True)
    assert platform.list_clusters() == [second.name]


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
    platform.set_cluster(cluster, ClusterPhase.BROKEN, reason="MasterKilled")
    with pytest.raises(ClusterFailed, match=r"MasterKilled.*\n.*What to do: Mend it"):
        control.clusters.wait(cluster.id, timeout=5, poll_interval=0.01)
    assert control.clusters.get(cluster.id).state is ClusterState.FAILED
    assert platform.list_clusters() == []


def test_a_cluster_that_vanishes_has_failed(control, platform):
    cluster = control.clusters.launch(SPEC)
    control.clusters.wait(cluster.id, timeout=5)
    platform.clusters.clear()
    assert control.clusters.status(cluster.id) is ClusterState.FAILED
    assert control.clusters.get(cluster.id).diagnosis.reason == "ClusterVanished"


def test_what_the_platform_refuses_leaves_a_failed_row_and_nothing_else(control, platform):
    platform.refuses = Diagnosis("NoNetwork", "Nothing could be fetched.", "Connect.")
    with pytest.raises(ClusterFailed, match="NoNetwork"):
        control.clusters.launch(SPEC)
    (cluster,) = control.clusters.list("failed")
    assert cluster.diagnosis.reason == "NoNetwork"
    assert platform.applied == []


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
    events = control.registry.list_events(cluster_id=cluster.id)
    told = [(event.action, event.actor, event.run_id) for event in reversed(events)]
    assert told == [
        ("REQUESTED", "dag.task of run", "run"),
        ("PROVISIONING", "dag.task of run", "run"),
        ("RUNNING", "", "run"),
        ("TERMINATING", "anna", "run"),
        ("TERMINATED", "", "run"),
    ]

"""Clusters and jobs that are asked for before anybody begins to make them."""

from __future__ import annotations

import pytest

from dcluster_provider.core.errors import ClusterFailed, DuplicateJob, InvalidSpec
from dcluster_provider.core.observation import ClusterPhase
from dcluster_provider.core.record import ClusterState, JobState

CLUSTER = {"tenant": "team", "workers": 2}
JOB = {"client": "team", "module": "etl", "application": "etl.py"}


def test_a_requested_cluster_is_made_by_whoever_goes_on_with_it(control, platform):
    asked = control.clusters.request(CLUSTER, "key", actor="somebody")
    assert (asked.state, asked.owner, platform.clusters) == (ClusterState.REQUESTED, None, {})
    assert control.clusters.request(CLUSTER, "key").id == asked.id
    assert control.clusters.status(asked.id) is ClusterState.REQUESTED

    assert control.clusters.resume(asked.id).state is ClusterState.PROVISIONING
    assert platform.list_clusters() == [asked.name]


def test_a_request_that_cannot_be_accepted_leaves_no_row(control):
    with pytest.raises(InvalidSpec):
        control.clusters.request({"tenant": "team", "workers": 0})
    with pytest.raises(InvalidSpec):
        control.jobs.request({"client": "team", "module": "etl"})
    assert (control.clusters.list(), control.jobs.list()) == ([], [])


def test_a_requested_job_touches_nothing_until_it_is_submitted(control, platform):
    asked = control.jobs.request(JOB, "key", actor="somebody")
    assert (asked.state, asked.owner, platform.clusters) == (JobState.REQUESTED, None, {})
    assert control.clusters.get(asked.cluster_id).state is ClusterState.REQUESTED
    assert control.jobs.observe([asked.id])[asked.id].state is JobState.REQUESTED

    submitted = control.jobs.submit(JOB, "key")
    assert (submitted.id, submitted.cluster_id) == (asked.id, asked.cluster_id)
    assert control.jobs.observe([asked.id])[asked.id].state is not JobState.REQUESTED
    assert len(platform.clusters) == 1


def test_a_job_asked_for_on_the_shared_cluster_takes_the_one_there_is(control, platform):
    shared = JOB | {"useLongLivingCluster": True, "allowDuplicate": True}
    first, second = control.jobs.request(shared), control.jobs.request(shared)
    assert first.cluster_id == second.cluster_id
    assert control.clusters.get(first.cluster_id).spec.long_living
    assert platform.clusters == {}


def test_a_duplicate_and_an_ended_cluster_are_refused_at_once(control, platform):
    control.jobs.request(JOB)
    with pytest.raises(DuplicateJob):
        control.jobs.request(JOB)
    assert len(control.clusters.list()) == 1

    cluster = control.clusters.launch(CLUSTER)
    platform.set_cluster(cluster, ClusterPhase.READY, workers=2)
    control.clusters.terminate(cluster.id)
    with pytest.raises(ClusterFailed):
        control.jobs.request(JOB | {"clusterId": cluster.id, "module": "other"})

"""Clusters that wait in a queue of their platform: whoever polls one that is admitted has its pods made."""

from __future__ import annotations

import pytest

from dcluster_provider.core.diagnosis import ClusterCode, Diagnosis
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase
from dcluster_provider.core.record import ClusterState

WAITING = Diagnosis(ClusterCode.BROKEN, "It waits for room.", "Wait.")


@pytest.fixture
def queued(control, platform):
    cluster = control.clusters.launch({"tenant": "team"})
    platform.clusters[cluster.name] = ClusterObservation(ClusterPhase.STARTING, hint=WAITING)
    return cluster


def observed(control, cluster):
    return control.clusters.observe([cluster.id])[cluster.id]


def test_it_waits_with_its_reason_and_runs_once_it_was_admitted(control, platform, queued):
    waiting = observed(control, queued)
    assert (waiting.state, waiting.diagnosis) == (ClusterState.PROVISIONING, WAITING)
    asked = []
    platform.apply_cluster = lambda cluster: asked.append(cluster.name)
    platform.clusters[queued.name] = ClusterObservation(ClusterPhase.ADMITTED)
    for _ in range(2):  # again until its pods are there: whoever asked first may have been killed
        admitted = observed(control, queued)
        assert (admitted.state, admitted.diagnosis) == (ClusterState.PROVISIONING, None)
    assert asked == [queued.name] * 2
    platform.clusters[queued.name] = ClusterObservation(ClusterPhase.READY, workers_ready=1)
    assert observed(control, queued).state is ClusterState.RUNNING


def test_pods_that_are_refused_after_all_fail_the_cluster_with_that_cause(control, platform, queued):
    def refuse(cluster):
        raise PlatformRefused(str(cluster), WAITING)

    platform.apply_cluster = refuse
    platform.clusters[queued.name] = ClusterObservation(ClusterPhase.ADMITTED)
    failed = observed(control, queued)
    assert failed.state is ClusterState.TERMINATING or failed.state is ClusterState.FAILED
    assert failed.diagnosis == WAITING


def test_a_cluster_that_is_terminated_meanwhile_gets_no_pods(control, platform, queued):
    asked = []
    platform.apply_cluster = lambda cluster: asked.append(cluster.name)
    platform.delete_cluster = lambda cluster: None
    platform.clusters[queued.name] = ClusterObservation(ClusterPhase.ADMITTED)
    control.clusters.terminate(queued.id)
    assert observed(control, queued).state is ClusterState.TERMINATING
    assert asked == []

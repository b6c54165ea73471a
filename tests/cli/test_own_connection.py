"""A cluster or job is reached through the connection that it was made through, whichever the command names."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace

import pytest
from connections import connection_variable

from dcluster_provider.cli import clusters, jobs
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.hooks.dcluster import DClusterHook

JOB = {"client": "c", "module": "m"}


@pytest.fixture
def requested(monkeypatch, tmp_path):
    """A job that was asked for through a connection of its own; its registry is that of the default one."""
    for conn_id in ("dcluster_default", "other"):
        extra = connection_variable(home=str(tmp_path), env=conn_id.replace("_", "-"))
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", extra)
    return DClusterHook("other").jobs.request(JOB | {"application": __file__})


@pytest.fixture
def asked(monkeypatch):
    """The connections whose platforms are asked to remove a cluster."""
    from dcluster_provider.control.cluster_progress import ClusterProgress

    remove, found = ClusterProgress.remove, []

    def noting(self, cluster):
        found.append(self)
        return remove(self, cluster)

    monkeypatch.setattr(ClusterProgress, "remove", noting)
    return found


@pytest.mark.parametrize("what", ["cluster", "job"])
def test_what_is_ended_is_ended_through_its_own_connection(requested, asked, capsys, what):
    if what == "cluster":
        given = Namespace(cluster=str(requested.cluster_id), conn_id="dcluster_default", output="json")
        clusters.terminate_clusters(given)
    else:
        given = Namespace(job_id=requested.id, savepoint=False, conn_id="dcluster_default", output="json")
        jobs.terminate_jobs(given)
    assert capsys.readouterr().out
    own, other = (
        DClusterHook(conn_id).control.clusters._progress for conn_id in ("other", "dcluster_default")
    )
    assert own in asked
    assert other not in asked
    assert DClusterHook().jobs.get(requested.id).state is JobState.KILLED


def test_a_connection_that_is_gone_is_told_of_and_the_given_one_taken(requested, monkeypatch, capsys):
    monkeypatch.delenv("AIRFLOW_CONN_OTHER")
    given = Namespace(cluster=str(requested.cluster_id), conn_id="dcluster_default", output="json")
    clusters.terminate_clusters(given)
    assert "connection 'other', which no longer exists" in capsys.readouterr().err
    assert DClusterHook().clusters.get(requested.cluster_id).state is ClusterState.TERMINATED


def test_a_cluster_is_resized_by_a_command(requested, capsys):
    hook = DClusterHook("other")
    registry = hook.control.registry.clusters
    cluster = hook.clusters.request({"tenant": "t", "maxWorkers": 3})
    given = Namespace(
        cluster=str(cluster.id), workers=2, wait=False, timeout=None, conn_id="other", output="json"
    )
    with pytest.raises(
        SystemExit, match=r"ClusterNotRunning: cluster 2 .* is REQUESTED; only a running cluster"
    ):
        clusters.resize_clusters(given)
    registry.save(replace(cluster, state=ClusterState.RUNNING))
    clusters.resize_clusters(given)
    assert registry.get(cluster.id).spec.workers == 2
    assert capsys.readouterr().out

"""Clusters that are resized: by hand, by a job that starts on them, and by the cluster check when they are idle."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcluster_provider.core.diagnosis import ClusterCode, Diagnosis
from dcluster_provider.core.errors import ClusterNotRunning, InvalidSpec, PlatformRefused, PlatformUnavailable
from dcluster_provider.core.observation import ClusterPhase
from dcluster_provider.core.record import ClusterState

ELASTIC = {"tenant": "team", "minWorkers": 1, "maxWorkers": 4}
JOB = {"client": "team", "module": "etl", "application": "etl.py"}


@pytest.fixture
def cluster(control):
    launched = control.clusters.launch(ELASTIC | {"longLiving": True})
    return control.clusters.wait(launched.id)


def test_a_cluster_is_degraded_and_says_why_until_it_has_exactly_its_workers(control, platform, cluster):
    platform.slow_to_resize = True
    asked = control.clusters.resize(cluster.id, 3, actor="ann")
    assert (asked.state, asked.spec.workers, asked.workers_ready) == (ClusterState.DEGRADED, 3, 1)
    assert asked.diagnosis.code is ClusterCode.RESIZING
    assert asked.as_json()["resizingSince"]
    assert asked.state.takes_jobs
    platform.slow_to_resize = False
    control.clusters.observe([cluster.id])  # whichever process polls takes the next step
    (done,) = control.clusters.observe([cluster.id]).values()
    assert (done.state, done.workers_ready, done.resizing_since) == (ClusterState.RUNNING, 3, None)
    assert done.diagnosis is None
    polled = len(platform.resized)
    control.clusters.observe([cluster.id])
    assert len(platform.resized) == polled
    events = control.registry.events.list(cluster_id=cluster.id)
    assert [(it.actor, it.detail) for it in events if it.action == "RESIZED"] == [
        ("ann", "The cluster is being resized to 3 workers. [ClusterResizing]")
    ]


def test_the_same_number_changes_nothing(control, platform, cluster):
    before = control.clusters.get(cluster.id)
    assert control.clusters.resize(cluster.id, 1) == before
    assert platform.resized == []


def test_a_resize_that_its_platform_cannot_take_now_goes_on_at_the_next_poll(
    control, platform, cluster, monkeypatch
):
    def silent(_):
        raise PlatformUnavailable("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(platform, "resize_cluster", silent)
        assert control.clusters.resize(cluster.id, 2).state is ClusterState.DEGRADED
    control.clusters.observe([cluster.id])
    assert control.clusters.status(cluster.id) is ClusterState.RUNNING
    assert set(platform.resized) == {(cluster.name, 2)}


def test_what_was_observed_before_a_resize_does_not_end_it(control, platform, cluster, monkeypatch):
    registry = control.registry.clusters
    take = platform.observe_clusters

    def resized_meanwhile(clusters):
        seen = take(clusters)
        registry.resize(cluster.id, 2, cluster.created_at)
        return seen

    with monkeypatch.context() as patched:
        patched.setattr(platform, "observe_clusters", resized_meanwhile)
        control.clusters.observe([cluster.id])
    after = control.clusters.get(cluster.id)
    assert (after.spec.workers, after.state) == (2, ClusterState.DEGRADED)
    assert after.resizing_since is not None


def test_a_request_that_returns_to_the_same_number_is_another_one(control, platform, cluster, monkeypatch):
    registry = control.registry.clusters
    take = platform.observe_clusters

    def resized_there_and_back(clusters):
        seen = take(clusters)
        for workers in (2, 1):
            registry.resize(cluster.id, workers, cluster.created_at)
        return seen

    with monkeypatch.context() as patched:
        patched.setattr(platform, "observe_clusters", resized_there_and_back)
        control.clusters.observe([cluster.id])
    assert control.clusters.get(cluster.id).resizing_since is not None
    assert control.clusters.status(cluster.id) is ClusterState.RUNNING


def test_a_step_that_comes_late_is_corrected(control, platform, cluster):
    late = replace(cluster, spec=cluster.spec.model_copy(update={"workers": 3}))
    platform.resize_cluster(late)
    control.clusters.observe([cluster.id])
    (seen,) = control.clusters.observe([cluster.id]).values()
    assert (seen.workers_ready, platform.resized[-1]) == (1, (cluster.name, 1))


def test_a_refusal_of_the_platform_is_told_instead_of_wait(control, platform, cluster, monkeypatch):
    refusal = Diagnosis(ClusterCode.BROKEN, "It may not have so many.", "Ask for fewer.")

    def refuse(_):
        raise PlatformRefused("cluster", refusal)

    monkeypatch.setattr(platform, "resize_cluster", refuse)
    platform.slow_to_resize = True
    asked = control.clusters.resize(cluster.id, 3)
    assert (asked.state, asked.diagnosis) == (ClusterState.DEGRADED, refusal)


def test_workers_that_were_lost_are_asked_for_again_by_the_same_number(control, platform, cluster):
    platform.clusters[cluster.name] = replace(
        platform.clusters[cluster.name], phase=ClusterPhase.STARTING, workers_ready=0
    )
    platform.slow_to_resize = True
    assert control.clusters.status(cluster.id) is ClusterState.DEGRADED
    assert control.clusters.resize(cluster.id, 1).resizing_since is not None


def test_two_jobs_that_start_together_leave_as_many_workers_as_the_larger_asks_for(
    control, platform, cluster
):
    for number in (4, 2):
        control.jobs.request(JOB | {"numWorkers": number, "module": f"m{number}", "clusterId": cluster.id})
    control.jobs.observe([job.id for job in control.jobs.list()])
    assert control.clusters.get(cluster.id).spec.workers == 4


def test_a_job_that_comes_while_the_check_asks_the_engine_keeps_its_workers(
    control, platform, cluster, later, monkeypatch
):
    control.clusters.resize(cluster.id, 4)
    control.clusters.status(cluster.id)
    ask = platform.busy_clusters

    def meanwhile(clusters):
        control.jobs.submit(JOB | {"numWorkers": 4, "clusterId": cluster.id})
        return ask(clusters)

    monkeypatch.setattr(platform, "busy_clusters", meanwhile)
    later(minutes=60)
    assert lines_of(control.upkeep.check_clusters()) == []
    assert control.clusters.get(cluster.id).spec.workers == 4


@pytest.mark.parametrize(
    ("spec", "workers", "why"),
    [
        (
            {"tenant": "t"},
            2,
            "has a fixed size of 1 workers; one that is launched with maxWorkers can be resized",
        ),
        (
            ELASTIC,
            5,
            r"field workers: 5 is out of the bounds of cluster \d+ .*, which may have 1 to 4 workers",
        ),
        (ELASTIC, 0, "field workers: 0 is out of the bounds"),
    ],
)
def test_a_size_that_cannot_be_is_refused_and_nothing_is_changed(control, platform, spec, workers, why):
    cluster = control.clusters.launch(spec)
    before = control.clusters.wait(cluster.id)
    with pytest.raises(InvalidSpec, match=why):
        control.clusters.resize(cluster.id, workers)
    assert (control.clusters.get(cluster.id), platform.resized) == (before, [])


def test_only_a_running_cluster_is_resized(control, cluster):
    control.clusters.terminate(cluster.id)
    with pytest.raises(ClusterNotRunning, match=r"is TERMINAT\w+; only a running cluster can be resized"):
        control.clusters.resize(cluster.id, 2)


@pytest.mark.parametrize(
    ("asked", "workers"),
    [({"numWorkers": 3}, 3), ({"maxWorkers": 9}, 4), ({}, 1), ({"numWorkers": 2, "maxWorkers": 3}, 3)],
)
def test_a_job_that_starts_on_a_shared_cluster_gets_the_workers_that_it_asks_for(
    control, cluster, asked, workers
):
    control.jobs.submit(JOB | asked | {"clusterId": cluster.id})
    assert control.clusters.get(cluster.id).spec.workers == workers


def test_a_smaller_job_takes_no_worker_from_the_others(control, cluster):
    control.clusters.resize(cluster.id, 4)
    control.jobs.submit(JOB | {"numWorkers": 2, "clusterId": cluster.id})
    assert control.clusters.get(cluster.id).spec.workers == 4


def lines_of(report) -> list[tuple[str, str]]:
    return [(it.what, it.why) for it in report.lines if it.what == "resized"]


def test_an_idle_cluster_shrinks_in_the_check(control, cluster, later):
    control.clusters.resize(cluster.id, 4)
    control.clusters.status(cluster.id)
    later(minutes=4)
    assert lines_of(control.upkeep.check_clusters()) == []
    later(minutes=6)
    told = [("resized", "idle: resized from 4 to 1 workers")]
    assert lines_of(control.upkeep.check_clusters(dry_run=True)) == told
    assert control.clusters.get(cluster.id).spec.workers == 4
    assert lines_of(control.upkeep.check_clusters()) == told
    assert control.clusters.get(cluster.id).spec.workers == 1


def test_the_cluster_of_a_dag_run_keeps_the_workers_that_its_dag_gave_it(control, later):
    cluster = control.clusters.launch(ELASTIC | {"workers": 4})
    control.clusters.status(cluster.id)
    later(minutes=60)
    assert lines_of(control.upkeep.check_clusters()) == []
    assert control.clusters.get(cluster.id).spec.workers == 4


@pytest.mark.parametrize("busy", [True, None])
def test_a_cluster_whose_engine_reports_work_or_does_not_answer_keeps_its_workers(
    control, platform, cluster, later, busy
):
    control.clusters.resize(cluster.id, 4)
    control.clusters.status(cluster.id)
    platform.busy[cluster.name] = busy
    later(minutes=60)
    assert lines_of(control.upkeep.check_clusters()) == []
    assert control.clusters.get(cluster.id).spec.workers == 4


def test_a_cluster_with_a_live_job_keeps_its_workers(control, cluster, later):
    control.jobs.submit(JOB | {"numWorkers": 3, "clusterId": cluster.id})
    control.clusters.status(cluster.id)
    later(minutes=60)
    control.upkeep.check_clusters()
    assert control.clusters.get(cluster.id).spec.workers == 3


def test_a_resized_cluster_is_still_the_answer_to_its_key(control, platform):
    clusters = control.clusters
    cluster = clusters.launch(ELASTIC, "the key")
    clusters.wait(cluster.id)
    clusters.resize(cluster.id, 2)
    again = clusters.launch(ELASTIC, "the key")
    assert (again.id, again.spec.workers) == (cluster.id, 2)
    assert platform.applied == [cluster.name]

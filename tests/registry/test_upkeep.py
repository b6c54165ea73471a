from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.registry.store import Registry, Scope

HOUR = timedelta(hours=1)
SCOPE = Scope("deployment", "dcluster_default")


def test_pages_hold_what_is_live_of_one_deployment_and_connection(registry, claim_cluster, claim_job):
    mine = [claim_cluster(registry, key=f"c{number}").record for number in range(5)]
    claim_cluster(registry, key="deployment", deployment="another", owner=None)
    claim_cluster(registry, key="connection", conn_id="other")
    registry.clusters.save(replace(mine[2], state=ClusterState.TERMINATED))
    first = registry.clusters.list_live(SCOPE, limit=3)
    rest = registry.clusters.list_live(SCOPE, after_id=first[-1].id, limit=3)
    assert [it.id for it in (*first, *rest)] == [mine[number].id for number in (4, 3, 1, 0)]

    jobs = [claim_job(registry, key=f"j{number}", module=f"m{number}").record for number in range(3)]
    claim_job(registry, key="other", module="other", conn_id="other")
    registry.jobs.save(replace(jobs[1], state=JobState.SUCCEEDED))
    registry.jobs.save(replace(jobs[0], state=JobState.RUNNING))
    assert [it.id for it in registry.jobs.list_live(SCOPE)] == [jobs[2].id, jobs[0].id]
    assert [it.id for it in registry.jobs.list_live(SCOPE, [JobState.RUNNING])] == [jobs[0].id]


def test_which_clusters_jobs_are_on(registry, claim_cluster, claim_job):
    clusters = [claim_cluster(registry, key=f"c{number}").record.id for number in range(3)]
    live = claim_job(registry, key="live", module="live", cluster_id=clusters[0]).record
    own = claim_job(registry, key="own", module="own", cluster_id=clusters[1], owns_cluster=True).record
    claim_job(registry, key="used", module="used", cluster_id=clusters[2])
    registry.jobs.save(replace(own, state=JobState.FAILED))
    assert registry.jobs.clusters_with_live(clusters[:2]) == {clusters[0]}
    assert {number: job.id for number, job in registry.jobs.ended_on_own_clusters(clusters).items()} == {
        clusters[1]: own.id
    }
    registry.jobs.save(replace(live, state=JobState.SUCCEEDED))
    assert registry.jobs.clusters_with_live(clusters) == {clusters[2]}


def test_names_are_found_whatever_became_of_their_clusters(registry, claim_cluster):
    live, ended = (claim_cluster(registry, key=key).record for key in ("live", "ended"))
    registry.clusters.save(replace(ended, state=ClusterState.FAILED))
    assert registry.clusters.find_by_names([live.name, ended.name, "nobody's"]) == {
        live.name: (live.id, ClusterState.REQUESTED),
        ended.name: (ended.id, ClusterState.FAILED),
    }
    assert len(registry.clusters.find_by_names(f"name-{number}" for number in range(1200))) == 0


def test_an_engine_that_was_seen_at_work_counts_as_used(registry, claim_cluster, now):
    cluster = claim_cluster(registry).record
    registry.clusters.touch([cluster.id], now + HOUR)
    registry.clusters.touch([cluster.id], now)
    registry.clusters.touch([], now)
    assert registry.clusters.get(cluster.id).last_used_at == now + HOUR


def test_unknown_clusters_are_remembered_since_they_were_first_seen(registry, now):
    assert registry.orphaned_clusters.record(SCOPE, ["a", "b"], now) == {"a": now, "b": now}
    assert registry.orphaned_clusters.record(SCOPE, ["b", "c"], now + HOUR) == {"b": now, "c": now + HOUR}
    assert registry.orphaned_clusters.list(SCOPE) == {"a": now, "b": now, "c": now + HOUR}
    assert registry.orphaned_clusters.list(Scope("another", "dcluster_default")) == {}
    registry.orphaned_clusters.remove(SCOPE, ["a"])
    registry.orphaned_clusters.remove(Scope("another", "dcluster_default"), ["b"])
    assert registry.orphaned_clusters.list(SCOPE) == {"b": now, "c": now + HOUR}


def test_two_passes_at_once_remember_an_unknown_cluster_once(registry_url, in_processes, now):
    def see(number):
        return Registry(registry_url).orphaned_clusters.record(SCOPE, ["a", "b"], now + number * HOUR)

    Registry(registry_url).describe()
    (seen, *others) = in_processes(4, see)
    assert all(other == seen for other in others)
    assert Registry(registry_url).orphaned_clusters.list(SCOPE) == seen


def test_no_state_at_all_lists_nothing(registry, claim_cluster):
    cluster = claim_cluster(registry, deployment=SCOPE.deployment, conn_id=SCOPE.conn_id).record
    assert registry.clusters.list_live(SCOPE) == [cluster]
    assert registry.clusters.list_live(SCOPE, ()) == []

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from dcluster_provider.core.diagnosis import ClusterCode, Diagnosis
from dcluster_provider.core.errors import InvalidSpec, NotFound, StaleRecord
from dcluster_provider.core.record import ClusterState
from dcluster_provider.registry.store import Registry

LIVE = [state for state in ClusterState if not state.is_final]
FINAL = [state for state in ClusterState if state.is_final]
DIAGNOSIS = Diagnosis(
    ClusterCode.VANISHED, "It disappeared.", "Run the task again.", ("event one", "exit 137")
)


def test_new_claim_gives_a_requested_cluster(registry, claim_cluster, now, owner):
    cluster, created = claim_cluster(registry, workers=3, extra_configs={"spark.x": 1}, cluster_suffix="blue")
    assert created
    assert (cluster.state, cluster.generation, cluster.version) == (ClusterState.REQUESTED, 1, 1)
    assert cluster.name == "spark3-dev-team-20260329013015123-blue"
    assert cluster.created_at == cluster.state_since == cluster.last_used_at == now
    assert cluster.owner == owner
    assert cluster.spec.workers == 3


def test_what_was_claimed_is_read_back_alike(registry, registry_url, claim_cluster):
    cluster = claim_cluster(
        registry,
        extra_configs={"a": True, "b": "ü"},
        type="flink",
        idle_timeout=60,
        location="namespace data",
    ).record
    other = Registry(registry_url)
    assert other.clusters.get(cluster.id) == cluster
    assert other.clusters.find(cluster.name) == cluster
    assert other.clusters.get_many([cluster.id]) == [cluster]
    assert other.clusters.list() == [cluster]
    assert other.clusters.latest_of_key("key") == cluster
    assert other.clusters.get(cluster.id).as_json() == cluster.as_json()


def test_cluster_of_nobody_has_no_owner(registry, claim_cluster):
    cluster = claim_cluster(registry, owner=None).record
    assert registry.clusters.get(cluster.id).owner is None


@pytest.mark.parametrize("state", LIVE)
def test_live_cluster_is_adopted(registry, claim_cluster, state):
    cluster = registry.clusters.save(replace(claim_cluster(registry).record, state=state))
    assert claim_cluster(registry, workers=9) == (cluster, False)
    assert len(registry.clusters.list()) == 1


@pytest.mark.parametrize("state", FINAL)
def test_ended_cluster_is_followed_by_the_next_generation(registry, claim_cluster, now, state):
    first = registry.clusters.save(replace(claim_cluster(registry).record, state=state))
    second, created = claim_cluster(registry, now=now + timedelta(minutes=1))
    assert created
    assert (second.generation, second.key) == (2, first.key)
    assert second.name != first.name
    assert registry.clusters.get(first.id) == first
    assert registry.clusters.latest_of_key("key") == second
    assert claim_cluster(registry) == (second, False)


def test_names_asked_for_at_the_same_moment_differ(registry, claim_cluster):
    names = [claim_cluster(registry, key=str(number)).record.name for number in range(5)]
    stamps = ["123", "124", "125", "126", "127"]
    assert names == [f"spark3-dev-team-20260329013015{stamp}" for stamp in stamps]


def test_owner_of_another_deployment_is_refused(registry, claim_cluster, owner):
    with pytest.raises(InvalidSpec, match="'elsewhere'"):
        claim_cluster(registry, owner=replace(owner, deployment="elsewhere"))
    assert registry.clusters.list() == []


@pytest.mark.parametrize("number", [4711, 0, -1, 2**40, 10**30])
def test_unknown_id_is_named_with_what_to_do(registry, number):
    with pytest.raises(NotFound, match=rf"no cluster {number}; .*airflow dcluster clusters list"):
        registry.clusters.get(number)
    assert registry.clusters.get_many([number]) == []


def test_unknown_name_is_answered_with_the_nearest(registry, claim_cluster):
    name = claim_cluster(registry).record.name
    with pytest.raises(NotFound, match=f"did you mean '{name}'"):
        registry.clusters.find(name.replace("team", "taem"))
    for odd in ("zzz", "", "a\0b", "数据", "\ud800", "x" * 10_000):
        with pytest.raises(NotFound, match="airflow dcluster clusters list"):
            registry.clusters.find(odd)


def test_get_clusters_keeps_the_order_and_leaves_out_the_unknown(registry, claim_cluster):
    ids = [claim_cluster(registry, key=str(number)).record.id for number in range(3)]
    asked = [ids[2], 4711, ids[0], ids[2], *range(10_000, 11_200)]
    assert [cluster.id for cluster in registry.clusters.get_many(asked)] == [ids[2], ids[0]]


def test_lists_are_filtered_and_paged_newest_first(registry, claim_cluster, owner):
    other = replace(owner, run_id="other")
    for number in range(6):
        cluster = claim_cluster(
            registry, key=str(number), tenant=f"team{number % 2}", owner=other if number < 2 else owner
        ).record
        if number >= 3:
            registry.clusters.save(replace(cluster, state=ClusterState.RUNNING))

    def ids(**filters):
        return [cluster.id for cluster in registry.clusters.list(**filters)]

    assert ids() == [6, 5, 4, 3, 2, 1]
    assert ids(limit=2) == [6, 5]
    assert ids(limit=2, after_id=5) == [4, 3]
    assert ids(states=[ClusterState.RUNNING]) == [6, 5, 4]
    assert ids(states=[ClusterState.RUNNING, ClusterState.REQUESTED], after_id=6, limit=4) == [5, 4, 3, 2]
    assert ids(states=[]) == []
    assert ids(tenant="team1") == [6, 4, 2]
    assert ids(tenant="team1", states=[ClusterState.RUNNING]) == [6, 4]
    assert ids(owner_run=("daily", "other")) == [2, 1]
    assert ids(owner_run=("daily", "other"), tenant="team0") == [1]
    assert ids(owner_run=("other", "other")) == []


def test_long_living_cluster_is_found(registry, claim_cluster):
    def claim(key, **changes):
        return claim_cluster(registry, key=key, **{"long_living": True} | changes).record

    claim("ephemeral", long_living=False)
    claim("other tenant", tenant="other")
    claim("flink", type="flink")
    assert registry.clusters.find_long_living("team", "spark", "deployment", "dcluster_default") is None
    older = claim("older", type="spark")
    newer = claim("newer")
    assert registry.clusters.find_long_living("team", "spark", "deployment", "dcluster_default") == newer
    registry.clusters.save(replace(newer, state=ClusterState.TERMINATING))
    assert registry.clusters.find_long_living("team", "spark", "deployment", "dcluster_default") == older


def test_live_clusters_of_older_epochs(registry, claim_cluster, owner):
    def claim(key, state=ClusterState.RUNNING, **changes):
        cluster = claim_cluster(registry, key=key, owner=replace(owner, **changes)).record
        return registry.clusters.save(replace(cluster, state=state))

    first = claim("0", epoch=0)
    second = claim("1", epoch=1, state=ClusterState.TERMINATING)
    claim("present", epoch=2)
    claim("ended", epoch=1, state=ClusterState.TERMINATED)
    claim("other task", task_id="other")
    claim("other index", map_index=3)
    claim("other run", run_id="other")
    claim("other dag", dag_id="other")
    assert registry.clusters.live_of_older_epochs(replace(owner, epoch=2)) == [second, first]
    assert registry.clusters.live_of_older_epochs(replace(owner, epoch=2, deployment="other")) == []


def test_save_keeps_what_changed(registry, claim_cluster, now):
    cluster = claim_cluster(registry).record
    changed = replace(
        cluster,
        state=ClusterState.FAILED,
        state_since=now + timedelta(seconds=5),
        master_url="spark://x:7077",
        ui_url="http://x:8080",
        workers_ready=2,
        diagnosis=DIAGNOSIS,
    )
    saved = registry.clusters.save(changed)
    assert saved == replace(changed, version=2)
    assert registry.clusters.get(cluster.id) == saved
    assert registry.clusters.save(replace(saved, diagnosis=None)).version == 3
    assert registry.clusters.get(cluster.id).diagnosis is None


def test_save_of_an_outdated_record_changes_nothing(registry, claim_cluster):
    cluster = claim_cluster(registry).record
    saved = registry.clusters.save(replace(cluster, workers_ready=1))
    with pytest.raises(StaleRecord, match=r"cluster 1 \(spark3-dev-team-.*version 2, here 1"):
        registry.clusters.save(replace(cluster, state=ClusterState.TERMINATED))
    assert registry.clusters.get(cluster.id) == saved
    assert [event.action for event in registry.events.list()] == ["REQUESTED"]


def test_save_of_an_unknown_cluster_is_refused(registry, claim_cluster):
    cluster = claim_cluster(registry).record
    with pytest.raises(NotFound, match="4711"):
        registry.clusters.save(replace(cluster, id=4711))


def test_save_does_not_take_back_when_a_job_was_seen(registry, claim_cluster, claim_job, now):
    cluster = claim_cluster(registry).record
    later = now + timedelta(hours=1)
    claim_job(registry, cluster_id=cluster.id, now=later)
    saved = registry.clusters.save(replace(cluster, workers_ready=1))
    assert saved.last_used_at == later
    assert registry.clusters.get(cluster.id) == saved


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/Los_Angeles", "Asia/Kolkata"])
def test_times_are_moments_in_utc(registry, claim_cluster, zone, now):
    cluster = claim_cluster(registry, now=now.astimezone(ZoneInfo(zone))).record
    stored = registry.clusters.get(cluster.id)
    assert stored.created_at == now
    assert stored.created_at.tzinfo is timezone.utc
    assert stored.last_used_at.tzinfo is timezone.utc
    assert registry.events.list()[0].at == now


def test_time_without_a_zone_is_refused(registry, claim_cluster, now):
    with pytest.raises(Exception, match="no time zone"):
        claim_cluster(registry, now=now.replace(tzinfo=None))
    assert registry.clusters.list() == []

"""No call reads a whole table, however many rows it has: SQLite tells how it would find what is asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from dcluster_provider.core.epochs import Try
from dcluster_provider.core.record import ClusterState, JobState
from dcluster_provider.registry.store import MachineMark, Registry, Scope

LIVE = [state for state in JobState if not state.is_final]


@pytest.fixture
def plans(tmp_path):
    """The registry, and the plans of what it has read and changed since they were last cleared."""
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    registry.describe()
    steps: list[str] = []

    def explain(connection, cursor, statement, parameters, _context, _many) -> None:
        if statement.startswith(("SELECT", "UPDATE")):
            own = connection.connection.dbapi_connection.cursor()
            own.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps.extend(row[3] for row in own.fetchall())

    event.listen(Engine, "before_cursor_execute", explain)
    yield registry, steps
    event.remove(Engine, "before_cursor_execute", explain)


def test_every_call_uses_an_index(plans, claim_cluster, claim_job, owner, now):
    registry, steps = plans
    cluster = claim_cluster(registry).record
    job = claim_job(registry, cluster_id=cluster.id).record
    scope = Scope("deployment", "dcluster_default")
    calls = {
        "claim_cluster": lambda: claim_cluster(registry, key="other"),
        "claim_job": lambda: claim_job(registry, key="other", module="other"),
        "get_cluster": lambda: registry.get_cluster(1),
        "find_cluster": lambda: registry.find_cluster(cluster.name),
        "get_job": lambda: registry.get_job(1),
        "get_jobs": lambda: registry.get_jobs(range(600)),
        "latest_cluster_of_key": lambda: registry.latest_cluster_of_key("key"),
        "latest_job_of_key": lambda: registry.latest_job_of_key("key"),
        "find_duplicate": lambda: registry.find_duplicate("team", "report"),
        "find_long_living": lambda: registry.find_long_living(
            "team", "spark", "deployment", "dcluster_default"
        ),
        "live_clusters_of_older_epochs": lambda: registry.live_clusters_of_older_epochs(owner),
        "live_jobs_of_older_epochs": lambda: registry.live_jobs_of_older_epochs(owner),
        "list_clusters of states": lambda: registry.list_clusters(states=list(ClusterState)),
        "list_clusters of a tenant": lambda: registry.list_clusters(tenant="team"),
        "list_clusters of a run": lambda: registry.list_clusters(owner_run=("daily", "run")),
        "list_jobs of a state": lambda: registry.list_jobs(states=[JobState.SUCCEEDED], after_id=9),
        "list_jobs of states": lambda: registry.list_jobs(states=LIVE),
        "list_jobs of a client": lambda: registry.list_jobs(client="team"),
        "list_jobs of a module": lambda: registry.list_jobs(client="team", module="report"),
        "list_jobs of a cluster": lambda: registry.list_jobs(cluster_id=1, states=LIVE),
        "list_jobs of a run": lambda: registry.list_jobs(owner_run=("daily", "run")),
        "end_unless_used": lambda: registry.end_unless_used(cluster.id, now),
        "list_events of a cluster": lambda: registry.list_events(cluster_id=1),
        "list_events of a job": lambda: registry.list_events(job_id=1),
        "see_live_jobs": lambda: registry.see_live_jobs(now),
        "live_clusters": lambda: registry.live_clusters(scope, after_id=9),
        "live_jobs": lambda: registry.live_jobs(scope),
        "clusters_with_live_jobs": lambda: registry.clusters_with_live_jobs([1, 2]),
        "ended_own_jobs": lambda: registry.ended_own_jobs([1, 2]),
        "clusters_by_name": lambda: registry.clusters_by_name([cluster.name]),
        "see_busy": lambda: registry.see_busy([1], now),
        "see_unknown": lambda: registry.see_unknown(scope, ["name"], now),
        "claim_alert": lambda: registry.claim_alert(1, "long_running", "mail", now, threshold=60),
        "jobs_with_failures_due": lambda: registry.jobs_with_failures_due(scope, now, after_id=9),
        "in_epoch": lambda: registry.in_epoch(owner, Try(1, 0, 0)),
        "client_settings": lambda: registry.client_settings(["team", "other"]),
        "client_setting": lambda: registry.client_setting("team"),
        "record_instances": lambda: registry.record_instances("listing", {"i-1": {}}, now),
        "record_instance": lambda: registry.record_instance("i-1", {"state": "running"}, now),
        "record_gone": lambda: registry.record_gone("listing", now, now),
        "get_instance": lambda: registry.get_instance("i-1"),
        "keep_machine_marks": lambda: registry.keep_machine_marks(scope, {"i-1": MachineMark()}),
        "save_job": lambda: registry.save_job(replace(job, state=JobState.RUNNING)),
        "save_cluster": lambda: registry.save_cluster(replace(cluster, state=ClusterState.RUNNING)),
    }
    for name, call in calls.items():
        steps.clear()
        call()
        read = [step for step in steps if step.startswith(("SCAN", "SEARCH"))]
        assert read, f"{name}: {steps}"
        whole = [step for step in read if step.startswith("SCAN dcluster")]
        assert not whole, f"{name}: {steps}"


def test_a_page_of_states_is_not_sorted_from_all_rows(plans):
    registry, steps = plans
    registry.list_jobs(states=[JobState.SUCCEEDED, JobState.FAILED], limit=10)
    assert sum("USING COVERING INDEX ix_dcluster_job_state" in step for step in steps) == 2, steps
    steps.clear()
    registry.list_jobs(limit=10)
    assert steps == ["SCAN dcluster_job"], "backwards along the ids, up to the limit"

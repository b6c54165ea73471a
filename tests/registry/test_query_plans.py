"""No call reads a whole table, however many rows it has: SQLite tells how it would find what is asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from dcluster_provider.core.identity import Attempt
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
        "get_cluster": lambda: registry.clusters.get(1),
        "find_cluster": lambda: registry.clusters.find(cluster.name),
        "get_job": lambda: registry.jobs.get(1),
        "get_jobs": lambda: registry.jobs.get_many(range(600)),
        "latest_cluster_of_key": lambda: registry.clusters.latest_of_key("key"),
        "latest_job_of_key": lambda: registry.jobs.latest_of_key("key"),
        "find_duplicate": lambda: registry.jobs.find_duplicate("team", "report"),
        "find_long_living": lambda: registry.clusters.find_long_living(
            "team", "spark", "deployment", "dcluster_default"
        ),
        "live_clusters_of_older_epochs": lambda: registry.clusters.live_of_older_epochs(owner),
        "live_jobs_of_older_epochs": lambda: registry.jobs.live_of_older_epochs(owner),
        "list_clusters of states": lambda: registry.clusters.list(states=list(ClusterState)),
        "list_clusters of a tenant": lambda: registry.clusters.list(tenant="team"),
        "list_clusters of a run": lambda: registry.clusters.list(owner_run=("daily", "run")),
        "list_jobs of a state": lambda: registry.jobs.list(states=[JobState.SUCCEEDED], after_id=9),
        "list_jobs of states": lambda: registry.jobs.list(states=LIVE),
        "list_jobs of a client": lambda: registry.jobs.list(client="team"),
        "list_jobs of a module": lambda: registry.jobs.list(client="team", module="report"),
        "list_jobs of a cluster": lambda: registry.jobs.list(cluster_id=1, states=LIVE),
        "list_jobs of a run": lambda: registry.jobs.list(owner_run=("daily", "run")),
        "end_unless_used": lambda: registry.clusters.terminate_if_idle(cluster.id, now),
        "list_events of a cluster": lambda: registry.events.list(cluster_id=1),
        "list_events of a job": lambda: registry.events.list(job_id=1),
        "see_live_jobs": lambda: registry.jobs.touch_clusters(now),
        "live_clusters": lambda: registry.clusters.list_live(scope, after_id=9),
        "live_jobs": lambda: registry.jobs.list_live(scope),
        "clusters_with_live_jobs": lambda: registry.jobs.clusters_with_live([1, 2]),
        "ended_own_jobs": lambda: registry.jobs.ended_on_own_clusters([1, 2]),
        "clusters_by_name": lambda: registry.clusters.find_by_names([cluster.name]),
        "see_busy": lambda: registry.clusters.touch([1], now),
        "see_unknown": lambda: registry.orphaned_clusters.record(scope, ["name"], now),
        "claim_alert": lambda: registry.alerts.claim(1, "long_running", "mail", now, threshold=60),
        "jobs_with_failures_due": lambda: registry.alerts.failed_jobs_due(scope, now, after_id=9),
        "in_epoch": lambda: registry.epochs.assign(owner, Attempt(1, 0, 0)),
        "client_settings": lambda: registry.client_settings.get_many(["team", "other"]),
        "client_setting": lambda: registry.client_settings.get("team"),
        "record_instances": lambda: registry.instances.record_many("listing", {"i-1": {}}, now),
        "record_instance": lambda: registry.instances.record("i-1", {"state": "running"}, now),
        "record_gone": lambda: registry.instances.record_gone("listing", now, now),
        "get_instance": lambda: registry.instances.get("i-1"),
        "keep_machine_marks": lambda: registry.machines.replace_all(scope, {"i-1": MachineMark()}),
        "save_job": lambda: registry.jobs.save(replace(job, state=JobState.RUNNING)),
        "save_cluster": lambda: registry.clusters.save(replace(cluster, state=ClusterState.RUNNING)),
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
    registry.jobs.list(states=[JobState.SUCCEEDED, JobState.FAILED], limit=10)
    assert sum("USING COVERING INDEX ix_dcluster_job_state" in step for step in steps) == 2, steps
    steps.clear()
    registry.jobs.list(limit=10)
    assert steps == ["SCAN dcluster_job"], "backwards along the ids, up to the limit"

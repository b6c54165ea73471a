"""What the notifier ends and tells, on an empty local platform."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from connections import connection_variable

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.hooks.dcluster import DClusterHook
from dcluster_provider.notifications.dcluster import DClusterNotifier

RUN = SimpleNamespace(dag_id="daily", run_id="r1")


@pytest.fixture
def hook(monkeypatch, tmp_path):
    extra = connection_variable(home=str(tmp_path), grafana_url="https://g?{search}")
    monkeypatch.setenv("AIRFLOW_CONN_DCLUSTER_DEFAULT", extra)
    return DClusterHook()


def claim(hook, task: str, run: str = "r1", index: int = -1, **fields):
    """A cluster and a job on it that a task has asked for, of which nothing was started yet."""
    owner = Owner("airflow", "daily", run, task, index)
    now = datetime.now(timezone.utc)
    common = {"deployment": "airflow", "conn_id": "dcluster_default", "owner": owner, "now": now}
    registry = hook.control.registry
    cluster = registry.clusters.claim(
        key=owner.key, spec=ClusterSpec(tenant="team", **fields), env="dev", platform="local", **common
    ).record
    job = registry.jobs.claim(
        key=owner.key,
        spec=JobSpec(client="team", module=f"{task} {index} {run}", application="a.py"),
        cluster_id=cluster.id,
        owns_cluster=False,
        **common,
    ).record
    return cluster, job


def states(hook, *pairs):
    return [
        (hook.clusters.get(cluster.id).state.value, hook.jobs.get(job.id).state.value)
        for cluster, job in pairs
    ]


def test_a_failed_run_ends_what_it_has_and_nothing_else(hook, capsys):
    own, shared = claim(hook, "own"), claim(hook, "shared", long_living=True)
    other = claim(hook, "own", run="r2")
    DClusterNotifier().notify(
        {"dag_run": RUN, "ti": SimpleNamespace(task_id="own"), "reason": "task_failure"}
    )
    assert states(hook, own, shared, other) == [
        ("TERMINATED", "KILLED"),
        ("REQUESTED", "KILLED"),
        ("REQUESTED", "REQUESTED"),
    ]
    told = capsys.readouterr().out
    assert f"{own[1]} of daily of r1 is KILLED: log" in told
    assert f"grafana https://g?{own[0].id}" in told
    events = hook.control.registry.events.list(job_id=own[1].id)
    assert any(event.actor == "the failure of daily of r1" for event in events)


def test_a_failed_task_ends_only_its_own(hook):
    failed, sibling = claim(hook, "failed"), claim(hook, "sibling")
    ti = SimpleNamespace(task_id="failed")
    DClusterNotifier().notify({"dag_run": RUN, "ti": ti, "exception": ValueError()})
    assert states(hook, failed, sibling) == [("TERMINATED", "KILLED"), ("REQUESTED", "REQUESTED")]


def test_a_failed_instance_of_a_mapped_task_ends_only_its_own(hook, capsys):
    failed, sister = claim(hook, "mapped", index=1), claim(hook, "mapped", index=2)
    ti = SimpleNamespace(task_id="mapped", map_index=1)
    DClusterNotifier().notify({"dag_run": RUN, "ti": ti, "exception": ValueError()})
    assert states(hook, failed, sister) == [("TERMINATED", "KILLED"), ("REQUESTED", "REQUESTED")]
    assert "of daily.mapped[1] of r1 is KILLED" in capsys.readouterr().out


def test_it_can_only_tell(hook, capsys):
    own = claim(hook, "own")
    DClusterNotifier(end=False).notify({"dag_run": RUN, "reason": "timed_out"})
    assert states(hook, own) == [("REQUESTED", "REQUESTED")]
    assert "is REQUESTED" in capsys.readouterr().out

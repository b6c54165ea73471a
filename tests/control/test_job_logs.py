"""Of a log that cannot be read, people are told why and where else to look."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcluster_provider.control.job_logs import why_empty
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.record import ClusterState, JobState

PAGE = "http://127.0.0.1:8080"
OWNER = Owner("airflow", "nightly", "manual__1", "report")


@pytest.fixture
def records(control):
    cluster = control.clusters.launch({"tenant": "team"})
    job = control.jobs.submit(
        {"client": "team", "module": "etl", "application": "a.py", "clusterId": cluster.id}
    )
    return replace(job, state=JobState.FAILED), replace(cluster, ui_url=PAGE)


def test_the_cluster_is_there(records):
    job, cluster = records
    told = why_empty(job, cluster, "")
    assert told == f"{job} (FAILED) has printed nothing. The engine's own page is {PAGE}"
    assert why_empty(job, replace(cluster, ui_url=""), "") == f"{job} (FAILED) has printed nothing."


@pytest.mark.parametrize(
    ("owner", "collected_at", "where"),
    [
        (OWNER, "", "is in the log of the task that waited for it: nightly.report of manual__1."),
        (None, "", "`airflow dcluster jobs logs 1 --follow` prints a log while its job runs."),
        (OWNER, "https://grafana.example/d/1", "What was collected of it: https://grafana.example/d/1"),
    ],
)
def test_the_cluster_is_gone(records, owner, collected_at, where):
    job, cluster = records
    ended = replace(cluster, state=ClusterState.TERMINATED)
    told = why_empty(replace(job, owner=owner), ended, collected_at)
    assert told.startswith(f"Nothing is left of the log of {job} (FAILED): {ended} is TERMINATED.")
    assert told.endswith(where)


def test_it_is_found_by_the_jobs_id(control):
    job = control.jobs.submit({"client": "team", "module": "etl", "application": "a.py"})
    control.clusters.terminate(job.cluster_id)
    assert " is TERMINA" in control.jobs.why_log_is_empty(job.id)

"""Lists of clusters and jobs: filters, pages, owners, and nothing but results on standard output."""

from __future__ import annotations

import json
import logging
import sys
from argparse import Namespace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from dcluster_provider.cli import clusters, jobs, printing, session
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.diagnosis import Diagnosis, ProcessCode
from dcluster_provider.core.identity import Owner
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import JobState
from dcluster_provider.core.state import fail_job
from dcluster_provider.registry.store import Registry

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
FILTERS = dict.fromkeys(("state", "client", "module", "tenant", "dag_id", "since", "until"))


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """Four jobs on one cluster, an hour apart; two of them asked for by tasks."""
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    same = {"deployment": "airflow", "conn_id": "dcluster_default"}
    owner = Owner("airflow", "daily", "run", "launch")
    cluster = registry.clusters.claim(
        key="c", spec=ClusterSpec(tenant="team"), env="dev", platform="local", owner=owner, now=NOON, **same
    ).record
    for number, (client, dag) in enumerate([("a", "daily"), ("a", None), ("b", "hourly"), ("b", None)]):
        registry.jobs.claim(
            key=str(number),
            spec=JobSpec(client=client, module=f"m{number}", application="/x.py"),
            owner=Owner("airflow", dag, "run", "task") if dag else None,
            cluster_id=cluster.id,
            owns_cluster=False,
            now=NOON + timedelta(hours=number),
            **same,
        )
    control = SimpleNamespace(registry=registry)
    monkeypatch.setattr(session, "DClusterHook", lambda conn_id: SimpleNamespace(control=control))
    return registry


@pytest.fixture(params=[2, 1000])
def pages(request, monkeypatch):
    """Pages of this many rows."""
    monkeypatch.setattr(session, "_PAGE", request.param)
    monkeypatch.setattr(printing, "_PAGE", request.param)


def listed(command, capsys, **wanted):
    command(Namespace(**FILTERS | {"limit": 100, "conn_id": "x", "output": "json"} | wanted))
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({}, [4, 3, 2, 1]),
        ({"limit": 3}, [4, 3, 2]),
        ({"limit": 0}, []),
        ({"client": "a"}, [2, 1]),
        ({"client": "b", "module": "m2"}, [3]),
        ({"dag_id": "daily"}, [1]),
        ({"state": "running"}, []),
        ({"state": "requested", "client": "a", "since": "2026-01-01T12:30"}, [2]),
        ({"since": "2026-01-01T13:00Z", "until": "2026-01-01T16:00+01:00"}, [3, 2]),
        ({"since": "2026-01-02"}, []),
    ],
)
@pytest.mark.usefixtures("pages")
def test_jobs_are_listed_by_what_is_asked_for(registry, capsys, wanted, ids):
    assert [job["jobId"] for job in listed(jobs.list_jobs, capsys, **wanted)] == ids


def test_clusters_are_listed_by_what_is_asked_for(registry, capsys):
    for wanted, number in [
        ({}, 1),
        ({"tenant": "other"}, 0),
        ({"tenant": "team", "dag_id": "daily", "until": "2026-01-02"}, 1),
        ({"since": "2026-01-01T12:01"}, 0),
    ]:
        assert len(listed(clusters.list_clusters, capsys, **wanted)) == number


def test_a_time_that_is_none_is_refused(registry):
    with pytest.raises(SystemExit, match="--since: 'yesterday' is not a time"):
        jobs.list_jobs(Namespace(**FILTERS | {"limit": 1, "conn_id": "x", "since": "yesterday"}))


def test_tables_have_owners_and_one_header_however_many_pages_there_are(registry, capsys, monkeypatch):
    monkeypatch.setattr(printing, "_PAGE", 2)
    jobs.list_jobs(Namespace(**FILTERS | {"limit": 100, "conn_id": "x", "output": "table"}))
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split()[0] == "ID"
    assert header.split()[-1] == "OWNER"
    assert [row.split()[0] for row in rows] == ["4", "3", "2", "1"]
    assert rows[1].endswith("hourly.task")


def test_what_is_logged_is_kept_from_the_results(registry, capsys):
    handler = logging.StreamHandler(sys.stdout)
    logging.getLogger().addHandler(handler)

    @session.command
    def warn(args, hook):
        logging.getLogger("dcluster_provider").warning("a look failed")
        jobs.list_jobs(Namespace(**FILTERS | {"limit": 1, "conn_id": "x", "output": "json"}))

    try:
        warn(Namespace(conn_id="x"))
    finally:
        logging.getLogger().removeHandler(handler)
    printed = capsys.readouterr()
    assert json.loads(printed.out)[0]["jobId"] == 4
    assert "a look failed" in printed.err


def test_a_failed_job_is_shown_with_its_evidence_in_lines(registry, capsys):
    why = Diagnosis(
        ProcessCode.PYTHON_EXCEPTION, "The driver failed.", "Correct it.", ("line one", "line two")
    )
    job = fail_job(registry.jobs.get(1), why, NOON)
    assert job.state is JobState.FAILED
    printing.print_record(job, (), "table", job.as_json() | {"links": {"log": "http://log", "engine": ""}})
    shown = capsys.readouterr().out
    lines = [line.strip() for line in shown.splitlines()]
    begun = next(n for n, line in enumerate(lines) if line.startswith("diagnosis"))
    assert lines[begun].endswith("The driver failed. [PythonException]")
    assert lines[begun + 1 : begun + 4] == ["| line one", "| line two", "What to do: Correct it."]
    assert "links.log" in shown
    assert "links.engine" not in shown

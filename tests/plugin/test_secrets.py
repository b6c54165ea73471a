"""Every way out of the package that shows what a job or cluster was asked for with: no secret is on any of them."""

from __future__ import annotations

import json
from argparse import Namespace
from datetime import datetime, timezone

import pytest

from dcluster_provider.cli import clusters as cluster_commands
from dcluster_provider.cli import jobs as job_commands
from dcluster_provider.core.alert import FAILED, Alert
from dcluster_provider.core.diagnosis import Diagnosis, ProcessCode
from dcluster_provider.core.errors import ClusterFailed, InvalidSpec, JobFailed
from dcluster_provider.core.redaction import REDACTED
from dcluster_provider.core.state import fail_cluster, fail_job
from dcluster_provider.dags import ids
from dcluster_provider.hooks.lineage import job_facets
from dcluster_provider.triggers.task_log import describe_change, describe_launch, describe_submission

SECRET = "m4rker-of-the-ways-out"
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
SETTINGS = {
    "spark.hadoop.fs.s3a.secret.key": SECRET,
    "spark.executor.extraJavaOptions": f"-Ddb.password={SECRET}",
}
CLUSTER = {"tenant": "team", "extraConfigs": SETTINGS}
JOB = {
    "client": "team",
    "module": "etl",
    "application": "local:///app.py",
    "extraCmd": SETTINGS,
    "args": ["--password", SECRET],
}
SQL = {
    "client": "team",
    "module": "report",
    "sql": f"SET a.secret.key = {SECRET}; CREATE TABLE t USING jdbc OPTIONS (password '{SECRET}')",
}
# What engines print of their own settings when they fail.
ECHO = Diagnosis(
    ProcessCode.PYTHON_EXCEPTION,
    f"Login with {SECRET} failed",
    f"Try {SECRET} again",
    (f"log line with {SECRET}",),
)


@pytest.fixture
def failed(api):
    """A cluster and a job that have failed, with all that REST has answered on the way."""
    api.become("admin")
    answers = [
        api.client.post("/v2/launch/spark/cluster", json=CLUSTER),
        api.client.post("/job/submit", json=JOB),
        api.client.post("/job/submit", json=JOB),  # refused as a duplicate
        api.client.post("/job/submit", json=JOB | {"args": f"--password {SECRET}"}),
        api.client.post("/job/submit", json=JOB | {"extraCmd": [SETTINGS]}),
        api.client.post("/job/submit", json=JOB | {"numWorkers": {"password": SECRET}}),
    ]
    registry = api.control.registry
    cluster = registry.clusters.save(fail_cluster(registry.clusters.get(answers[0].json()), ECHO, NOW))
    job = registry.jobs.save(fail_job(registry.jobs.get(answers[1].json()["jobId"]), ECHO, NOW))
    api.become("viewer")
    answers += [api.client.get(f"/job/info/{job.id}"), api.client.get("/job/list")]
    return cluster, job, answers


def test_no_answer_of_rest_has_a_secret(failed):
    _, job, answers = failed
    assert [answer.status_code for answer in answers] == [200, 200, 400, 400, 400, 400, 200, 200]
    for answer in answers:
        assert SECRET not in answer.text, answer.request.url
    assert REDACTED in answers[-1].text
    assert answers[-2].json()["jobId"] == job.id


def test_the_sql_of_a_job_is_shown_without_its_secrets(api):
    api.become("admin")
    answers = [
        api.client.post("/job/submit", json=SQL),
        api.client.post("/job/submit", json=SQL),  # refused as a duplicate
        api.client.post("/job/submit", json=SQL | {"application": "a.py"}),
        api.client.post("/job/submit", json=SQL | {"sql": [SQL["sql"]]}),
        api.client.get("/job/list"),
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 400, 400, 200]
    for answer in answers:
        assert SECRET not in answer.text
    assert f"SET a.secret.key = {REDACTED}; CREATE TABLE t" in answers[-1].text
    job = api.control.registry.jobs.get(answers[0].json()["jobId"])
    assert job.spec.sql == SQL["sql"]
    assert SECRET in job.spec.secret_values
    assert SECRET not in f"{job!r} {api.runs(ids.SUBMIT_JOB)}"
    with pytest.raises(InvalidSpec, match="sql: the value is not there"):
        api.control.jobs.request(SQL | {"sql": f"SET a.secret = {REDACTED}"})


def test_no_run_that_rest_makes_has_a_secret_in_its_parameters(failed, api):
    runs = [*api.runs(ids.LAUNCH_CLUSTER), *api.runs(ids.SUBMIT_JOB)]
    assert len(runs) == 2
    assert SECRET not in str(runs)


def test_what_runs_the_job_still_gets_the_secrets(failed, api):
    cluster, job, _ = failed
    assert api.control.clusters.get(cluster.id).spec.extra_configs == SETTINGS
    assert api.control.jobs.get(job.id).spec.args == ("--password", SECRET)
    assert api.control.jobs.get(job.id).spec.extra_cmd == SETTINGS


def test_no_command_prints_a_secret(failed, capsys, monkeypatch):
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")  # and not for the tests that follow
    cluster, job, _ = failed
    for output in ("table", "json"):
        common = {"conn_id": "dcluster_default", "output": output, "state": None, "limit": 10}
        common |= dict.fromkeys(("client", "module", "tenant", "dag_id", "since", "until"))
        cluster_commands.list_clusters(Namespace(**common))
        cluster_commands.show_clusters(Namespace(**common, cluster=str(cluster.id)))
        job_commands.list_jobs(Namespace(**common))
        job_commands.show_jobs(Namespace(**common, job_id=job.id))
    printed = capsys.readouterr()
    assert "team" in printed.out
    assert SECRET not in printed.out + printed.err


def test_no_event_line_of_a_log_error_or_representation_has_a_secret(failed, api):
    cluster, job, _ = failed
    told = [
        api.control.registry.events.list(),
        describe_launch(cluster),
        describe_submission(job),
        describe_change(None, cluster),
        describe_change(None, job),
        str(JobFailed(str(job), job.diagnosis)),
        str(ClusterFailed(str(cluster), cluster.diagnosis)),
        repr(cluster),
        repr(job),
        cluster.as_json(),
        job.as_json(),
    ]
    assert SECRET not in str(told)


def test_no_alert_and_no_lineage_has_a_secret(failed, api):
    cluster, job, _ = failed
    alert = Alert(FAILED, job, cluster, NOW)
    assert SECRET not in json.dumps(alert.as_json())
    assert SECRET not in repr(alert)
    settings = api.control.clusters._settings
    assert SECRET not in str(job_facets(job, cluster, settings))


def test_a_log_that_echoes_a_secret_is_read_without_it(failed, api, monkeypatch):
    from dcluster_provider.platforms.base import LogPart

    _, job, _ = failed
    parts = {0: LogPart(f"connecting with {SECRET}\n", 40), 40: LogPart("", 40)}
    platform = type(api.control.platform)
    monkeypatch.setattr(platform, "read_log", lambda _, job, cluster, start, most=0: parts[start])
    assert api.control.jobs.logs(job.id) == f"connecting with {REDACTED}\n"
    assert api.control.jobs.read_logs([(job, 0)])[0].text == f"connecting with {REDACTED}\n"
    api.become("admin")
    assert SECRET not in api.client.get(f"/dcluster_default/jobs/{job.id}/log").text


def test_what_was_copied_from_an_answer_is_refused_with_the_name_of_what_is_missing(api):
    api.become("admin")
    copied = JOB | {"extraCmd": {"spark.hadoop.fs.s3a.secret.key": REDACTED}}
    answer = api.client.post("/job/submit", json=copied)
    assert answer.status_code == 400
    assert "spark.hadoop.fs.s3a.secret.key: the value is not there" in answer.json()["error"]
    with pytest.raises(InvalidSpec, match="args: the value is not there"):
        api.control.jobs.request(JOB | {"args": ["--password", REDACTED]})


def test_names_that_the_configuration_adds_are_secrets_everywhere(api, monkeypatch):
    from dcluster_provider.core.redaction import count_as_secret

    monkeypatch.setenv("AIRFLOW__DCLUSTER__SECRET_NAMES", "salt|pepper")
    api.become("admin")
    try:
        answer = api.client.post(
            "/job/submit", json=JOB | {"extraCmd": {"my.salt": SECRET, "sugar": "sweet"}}
        )
        assert (answer.status_code, "sweet" in answer.text, SECRET in answer.text) == (200, True, False)
        monkeypatch.setenv("AIRFLOW__DCLUSTER__SECRET_NAMES", "(")
        refused = api.client.get("/job/list")
        assert refused.json()["error"].startswith("[dcluster] secret_names: '(' is not a regular expression")
    finally:
        count_as_secret("")

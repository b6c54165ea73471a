"""What OpenLineage is told, and what a Spark job is told of OpenLineage."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from connections import settings_for_local
from local_platform import make_cluster, make_job
from openlineage.client.serde import Serde

from dcluster_provider.core.diagnosis import Diagnosis, JobCode
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import JobState
from dcluster_provider.hooks.lineage import job_facets, with_lineage

SETTINGS = settings_for_local(
    Path("/h"), Path("/e"), "/r.db", conn_id="mine", job_log_url_template="https://l/{jobId}"
)
SPARK = JobSpec(client="team", module="etl", application="a.py", extra_cmd={"spark.x": "1"})


def sent(facets):
    return {name: Serde.to_dict(facet) for name, facet in facets.items()}


def test_a_job_is_told_with_its_cluster_and_links():
    cluster = make_cluster()
    job = replace(make_job(cluster, application="a.py"), state=JobState.SUCCEEDED, exit_code=0)
    found = job_facets(job, cluster, SETTINGS)
    run = sent(found.run_facets)
    told = run["dcluster_job"]
    assert (told["jobId"], told["clusterId"], told["clusterName"]) == (job.id, cluster.id, cluster.name)
    assert (told["client"], told["module"], told["application"]) == ("team", "etl", "a.py")
    assert (told["state"], told["exitCode"], told["links"]["log"]) == ("SUCCEEDED", 0, f"https://l/{job.id}")
    assert run["externalQuery"]["externalQueryId"] == str(job.id)
    assert "errorMessage" not in run
    kind = sent(found.job_facets)["jobType"]
    assert (kind["processingType"], kind["integration"], kind["jobType"]) == (
        "BATCH",
        "DCLUSTER",
        "SPARK_JOB",
    )


def test_a_failure_is_told_with_its_diagnosis():
    cluster = make_cluster(type="flink")
    job = replace(
        make_job(cluster), state=JobState.FAILED, diagnosis=Diagnosis(JobCode.FAILED, "It broke.", "Mend it.")
    )
    found = job_facets(job, cluster, SETTINGS)
    assert "It broke. [JobFailed]" in sent(found.run_facets)["errorMessage"]["message"]
    assert sent(found.job_facets)["jobType"]["jobType"] == "FLINK_JOB"


def test_the_sql_of_a_job_is_told_without_its_secrets():
    cluster = make_cluster()
    job = make_job(cluster, sql="SET a.secret = hidden-one; SELECT 1")
    facet = sent(job_facets(job, cluster, SETTINGS).job_facets)["sql"]
    assert facet["query"] == "SET a.secret = *********(redacted); SELECT 1"


def test_nothing_is_told_and_nothing_changed_without_openlineage(monkeypatch):
    for name in [it for it in sys.modules if it.startswith("airflow.providers.openlineage")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage", None)
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__SPARK_INJECT_PARENT_JOB_INFO", "True")
    cluster = make_cluster()
    assert job_facets(make_job(cluster), cluster, SETTINGS) is None
    assert with_lineage(SPARK, {}) is SPARK


@pytest.fixture
def transport(monkeypatch):
    """OpenLineage configured to report to a server with a key."""
    from airflow.providers.openlineage import conf

    text = '{"type": "http", "url": "http://127.0.0.1:9", "auth": {"type": "api_key", "apiKey": "hidden"}}'
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", text)
    for name in dir(conf):
        if hasattr(getattr(conf, name), "cache_clear"):
            getattr(conf, name).cache_clear()


def test_a_spark_job_reports_where_airflow_does_without_its_key(monkeypatch, transport):
    assert with_lineage(SPARK, {}) is SPARK, "not unless the options say so"
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__SPARK_INJECT_TRANSPORT_INFO", "True")
    settings = with_lineage(SPARK, {}).extra_cmd
    assert settings["spark.openlineage.transport.url"] == "http://127.0.0.1:9"
    assert settings["spark.x"] == "1"
    assert "unobservable" not in str(settings)
    own = SPARK.model_copy(update={"extra_cmd": {"spark.openlineage.transport.url": "http://own"}})
    assert with_lineage(own, {}).extra_cmd["spark.openlineage.transport.url"] == "http://own"
    flink = JobSpec(client="team", module="etl", job_type="flink")
    assert with_lineage(flink, {}) is flink

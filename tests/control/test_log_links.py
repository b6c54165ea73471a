from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from urllib.parse import parse_qs, urlsplit

import pytest

from dcluster_provider.control.log_links import PLACEHOLDERS, GrafanaLinks
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.record import JobState

# The address in the description of dCluster's API, section "Grafana", with our placeholders.
TEMPLATE = (
    "https://grafana.example/d/9aBY8rWMz/logging?orgId=1&var-cluster=aws-useast1-prod-a&var-namespace={namespace}"
    "&var-pod=All&var-level=stdout&var-level=stderr&var-search={search}&from={from}&to={to}"
)


@pytest.fixture
def records(control):
    cluster = control.clusters.launch({"tenant": "a & b/ü?"})
    job = control.jobs.submit(
        {"client": "team #1", "module": "etl", "application": "a.py", "clusterId": cluster.id}
    )
    at = datetime(2026, 3, 29, 1, 0, tzinfo=timezone.utc)
    return replace(cluster, created_at=at), replace(job, created_at=at)


def test_the_address_of_a_live_job_and_of_its_cluster(records):
    cluster, job = records
    links = GrafanaLinks(TEMPLATE, "prod", "data")
    query = parse_qs(urlsplit(links.of_job(job, cluster)).query)
    assert query["var-search"] == [str(job.id)]
    assert (query["var-namespace"], query["var-level"]) == (["data"], ["stdout", "stderr"])
    assert (query["from"], query["to"]) == (["1774746000000"], ["now"])
    assert f"var-search={cluster.id}&" in links.of_cluster(cluster)


def test_an_ended_job_has_its_end_in_the_address(records):
    cluster, job = records
    ended = replace(job, state=JobState.FAILED, ended_at=datetime(2026, 3, 29, 2, 0, tzinfo=timezone.utc))
    assert GrafanaLinks("{to}").of_job(ended, cluster) == "1774749600000"


def test_every_value_is_encoded(records):
    cluster, job = records
    assert (
        GrafanaLinks("?t={tenant}&c={client}").of_job(job, cluster)
        == "?t=a%20%26%20b%2F%C3%BC%3F&c=team%20%231"
    )


def test_every_placeholder_can_be_filled(records):
    cluster, job = records
    links = GrafanaLinks("/".join(f"{{{name}}}" for name in PLACEHOLDERS), "prod", "data")
    assert all(links.of_job(job, cluster).split("/"))


def test_a_job_on_a_cluster_that_somebody_else_runs_says_its_own_namespace(records):
    cluster, job = records
    theirs = replace(cluster, platform="external")
    outside = replace(job, spec=job.spec.model_copy(update={"use_external_namespace": True}))
    links = GrafanaLinks("{namespace}", "prod", "data", "external")
    assert [links.of_job(each, theirs) for each in (job, outside)] == ["data", "external"]
    assert links.of_job(outside, cluster) == "data", "one of ours is where it is"


def test_the_other_namespace_is_told_of_clusters_that_are_there(records):
    cluster, _ = records
    outside = replace(cluster, spec=cluster.spec.model_copy(update={"use_external_namespace": True}))
    links = GrafanaLinks("{namespace}", "prod", "data", "outside")
    assert (links.of_cluster(cluster), links.of_cluster(outside)) == ("data", "outside")


def test_without_a_template_there_is_no_address(records):
    cluster, job = records
    assert (GrafanaLinks().of_cluster(cluster), GrafanaLinks().of_job(job, cluster)) == ("", "")


def test_an_unknown_placeholder_is_refused():
    with pytest.raises(
        InvalidSpec, match=r"grafana_url: there is no placeholder {jobid}; did you mean 'jobId'"
    ):
        GrafanaLinks("https://x/{jobid}")

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from urllib.parse import parse_qs, urlsplit

import pytest

from dcluster_provider.control.templates import LOG_PLACEHOLDERS, ApplicationTemplate, GrafanaLinks
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import JobState

# The address in the description of dCluster's API, section "Grafana", with our placeholders.
TEMPLATE = (
    "https://grafana.example/d/9aBY8rWMz/logging?orgId=1&var-cluster=aws-useast1-prod-a&var-namespace={namespace}"
    "&var-pod=All&var-level=stdout&var-level=stderr&var-search={search}&from={from}&to={to}"
)
PATH = "/apps/{client}/{module}/{codeVersion}/main.py"


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
    links = GrafanaLinks("/".join(f"{{{name}}}" for name in LOG_PLACEHOLDERS), "prod", "data")
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


def job(**more):
    return JobSpec(**{"client": "team", "module": "etl", "codeVersion": "v1"} | more)


def test_a_job_without_an_application_gets_the_templates():
    assert ApplicationTemplate(PATH).fill(job()).application == "/apps/team/etl/v1/main.py"


def test_every_placeholder_is_filled():
    template = "{client} {module} {codeVersion} {pipelineVersion} {pipelineConfig} {moduleType} {jobType}.sql"
    spec = job(pipelineVersion="2", pipelineConfig="c.json", moduleType="m", jobType="flink")
    assert ApplicationTemplate(template).fill(spec).application == "team etl v1 2 c.json m flink.sql"


def test_main_class_and_arguments_come_with_it_unless_the_job_has_its_own():
    template = ApplicationTemplate(
        "{module}.jar", "com.{client}.Main", ("--config", "{pipelineConfig}", "{{")
    )
    spec = template.fill(job(pipelineConfig="a/b.json"))
    assert (spec.main_class, spec.args) == ("com.team.Main", ("--config", "a/b.json", "{"))
    own = template.fill(job(main_class="Own", args=["x"]))
    assert (own.application, own.main_class, own.args) == ("etl.jar", "Own", ("x",))
    assert ApplicationTemplate("{module}.py", "com.Main").fill(job()).main_class == ""


def test_a_job_with_an_application_stays_as_it_is():
    spec = job(application="own.py")
    assert ApplicationTemplate("{module}.jar", "Main", ("a",)).fill(spec) is spec


@pytest.mark.parametrize("name", ["client", "module", "codeVersion"])
@pytest.mark.parametrize("value", ["..", ".", "../..", "a/b", "/etc", "a\\b", "%2e%2e", "s3:x"])
def test_no_value_leads_out_of_its_folder(name, value):
    with pytest.raises(InvalidSpec, match=rf"field {name}: .* cannot be part of the application's path"):
        ApplicationTemplate(PATH).fill(job(**{name: value}))


@pytest.mark.parametrize(
    ("template", "spec", "message"),
    [
        (
            ApplicationTemplate(PATH),
            job(codeVersion=""),
            "field codeVersion: is empty, and application_template",
        ),
        (
            ApplicationTemplate("a.py", args=("{moduleType}",)),
            job(),
            "field moduleType: is empty, and args_temp",
        ),
        (ApplicationTemplate(), job(), "field application: missing; .* application_template"),
        (ApplicationTemplate("/apps/{module}"), job(), r"neither a \.py nor a \.jar nor a \.sql"),
    ],
)
def test_what_cannot_be_filled_is_refused(template, spec, message):
    with pytest.raises(InvalidSpec, match=message):
        template.fill(spec)


def test_sql_of_a_job_comes_before_the_template_and_takes_no_arguments_of_it():
    template = ApplicationTemplate("/apps/{module}.sql", args=("--config",))
    assert template.fill(job(sql="SELECT 1")) == job(sql="SELECT 1")
    filled = template.fill(job())
    assert (filled.application, filled.args) == ("/apps/etl.sql", ())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"application": "{clinet}.py"},
            "application_template: there is no placeholder {clinet}; did you mean 'cli",
        ),
        ({"application": "a.py", "args": ("{modul}",)}, "args_template: there is no placeholder {modul}"),
        ({"application": "{}.py"}, "there is no placeholder {}; the placeholders are client, module"),
        ({"application": "{client.__class__}.py"}, "there is no placeholder"),
        ({"application": "{client!r}.py"}, "takes no format"),
        ({"application": "{client:>9}.py"}, "takes no format"),
        ({"application": "{client.py"}, "is no template"),
        ({"main_class": "Main"}, "application_template: is empty"),
    ],
)
def test_what_is_no_template_is_refused(fields, message):
    with pytest.raises(InvalidSpec, match=message):
        ApplicationTemplate(**fields)

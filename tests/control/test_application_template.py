from __future__ import annotations

import pytest

from dcluster_provider.control.application_template import ApplicationTemplate
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.spec import JobSpec

PATH = "/apps/{client}/{module}/{codeVersion}/main.py"


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
        (ApplicationTemplate("/apps/{module}"), job(), "neither a .py, a .jar nor a .sql"),
        (ApplicationTemplate("{module}.sql"), job(), "runs on Flink"),
    ],
)
def test_what_cannot_be_filled_is_refused(template, spec, message):
    with pytest.raises(InvalidSpec, match=message):
        template.fill(spec)


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

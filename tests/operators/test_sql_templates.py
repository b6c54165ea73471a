"""The argument ``sql``: text or the file of a template, rendered as Airflow renders SQL, and no other argument."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk import DAG
from airflow.sdk.log import redact
from jinja2 import TemplateNotFound

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.operators.arguments import build_spec
from dcluster_provider.operators.job import DClusterSubmitJobOperator

TEXT = "-- {{ params.note }}\nSELECT '{{ ds }}' AS day, {{ params.rows }} AS n;\n"
CONTEXT = {"ds": "2026-01-31", "params": {"note": "of today", "rows": 3}, "ti": SimpleNamespace()}
RENDERED = "-- of today\nSELECT '2026-01-31' AS day, 3 AS n;"


@pytest.fixture
def dag(tmp_path):
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "report.sql").write_text(TEXT)
    with DAG("d", schedule=None, template_searchpath=[str(tmp_path / "sql")]) as dag:
        yield dag


def submit(**arguments) -> DClusterSubmitJobOperator:
    return DClusterSubmitJobOperator(task_id="t", client="c", module="m", **arguments)


def rendered(dag, task) -> JobSpec:
    """The specification of a task, after what Airflow does to it while it parses a DAG file and before it runs it."""
    dag.resolve_template_files()
    task.render_template_fields(dict(CONTEXT), dag.get_template_env())
    return build_spec(task, JobSpec, JobSpec.model_fields)


@pytest.mark.parametrize("given", [TEXT, "report.sql"])
@pytest.mark.parametrize("job_type", ["spark4", "flink"])
def test_text_and_file_are_rendered(dag, given, job_type):
    task = submit(sql=given, job_type=job_type)
    spec = rendered(dag, task)
    assert spec.sql.rstrip() == RENDERED
    assert spec.application_kind == "sql"
    assert task.template_fields == DClusterSubmitJobOperator.template_fields
    assert task.template_ext == (".sql",)


def test_a_file_that_templates_include_is_found_beside_it(dag, tmp_path):
    (tmp_path / "sql" / "all.sql").write_text("{% include 'report.sql' %}\nSELECT 2;")
    assert rendered(dag, submit(sql="all.sql")).sql == f"{RENDERED}\nSELECT 2;"


def test_the_file_of_a_mapped_task_is_rendered(dag):
    mapped = DClusterSubmitJobOperator.partial(task_id="t", client="c", module="m").expand(sql=["report.sql"])
    dag.resolve_template_files()
    task = mapped.unmap({"sql": "report.sql"})
    assert rendered(dag, task).sql.rstrip() == RENDERED


def test_other_arguments_that_end_so_are_no_templates(dag):
    given = {"application": "/opt/jobs/{{ params.note }}.sql", "files": ["/data/a.sql"]}
    spec = rendered(dag, submit(**given))
    assert (spec.application, spec.files) == ("/opt/jobs/of today.sql", ("/data/a.sql",))


def test_a_file_that_is_missing_is_named_when_the_task_runs(dag):
    with pytest.raises(TemplateNotFound, match=r"nowhere\.sql"):
        rendered(dag, submit(sql="nowhere.sql"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sql": "-- nothing"}, "field sql: has no statement"),
        ({"sql": "SELECT 1", "application": "/a.py"}, "field sql: application names a file to run, too"),
    ],
)
def test_wrong_sql_is_rejected_while_the_file_is_parsed(dag, arguments, message):
    with pytest.raises(InvalidSpec, match=message):
        submit(**arguments)


def test_sql_of_which_nothing_is_left_runs_nothing_else(dag):
    with pytest.raises(InvalidSpec, match="field sql: has no statement"):
        rendered(dag, submit(sql="{% if params.rows > 3 %}SELECT 1{% endif %}"))


def test_a_secret_of_rendered_sql_is_masked(dag, monkeypatch):
    from airflow.sdk._shared.secrets_masker import _secrets_masker

    masker = _secrets_masker()
    kept = (set(masker.patterns), masker.replacer)
    try:
        task = submit(sql="CREATE TABLE t USING jdbc OPTIONS (password '{{ params.word }}')")
        task.render_template_fields({"params": {"word": "m4rker-of-sql"}, "ti": SimpleNamespace()})
        assert "m4rker-of-sql" in task.sql
        assert "m4rker-of-sql" not in str(redact(task.sql))
    finally:
        masker.patterns, masker.replacer = kept

"""SQL as a job of its own on this machine: several statements in one session, and the one that fails."""

from __future__ import annotations

import re
import subprocess
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from airflow_databases import AIRFLOW
from local_platform import launch, local_platform, outcome, submit, whole_log

from dcluster_provider.core.observation import JobPhase
from dcluster_provider.core.redaction import REDACTED
from tests.live.trials import long_except

ROOT = Path(__file__).parent.parent.parent
SECRET = "m4rker-of-live-sql"
STATEMENTS = f"""\
-- an order; and its customers
SET spark.sql.shuffle.partitions = 1;
SET my.secret.key = {SECRET};
CREATE TEMPORARY VIEW orders AS SELECT id, id % 2 AS customer, 'a;b' AS note FROM range(250);
SELECT customer, count(*) AS orders, max(note) AS note /* ; */ FROM orders GROUP BY customer ORDER BY customer;
SELECT id AS every FROM orders;
SET my.secret.key;
SELECT '${{env:REGION}}' AS region;
"""
SCRIPT = "BEGIN\n  DECLARE n INT = 40;\n  SET n = n + 2;\n  SELECT n AS answer;\nEND;\nSELECT 'after' AS the_block;\n"


@pytest.fixture(scope="module", params=long_except(["spark4"], ["spark3", "spark4", "spark4 4.0"]))
def spark(request, tmp_path_factory):
    """A platform and a cluster of a release."""
    kind, _, version = request.param.partition(" ")
    with local_platform(tmp_path_factory.mktemp("home"), kind) as platform:
        yield platform, launch(platform, type=kind, engine_version=version, worker_memory="1Gi")


def run(spark, **fields):
    platform, cluster = spark
    job = submit(platform, cluster, driver_mem_gb=0.6, **fields)
    seen = outcome(platform, job, cluster)
    return seen, whole_log(platform, job, cluster)


def test_statements_run_in_one_session_and_show_their_rows_without_secrets(spark, tmp_path):
    seen, log = run(spark, sql=STATEMENTS, env={"REGION": "north"})
    assert seen.phase is JobPhase.SUCCEEDED, seen.diagnosis.render()
    assert "[1/7 statements.sql:2] SET spark.sql.shuffle.partitions = 1" in log
    assert f"[2/7 statements.sql:3] SET my.secret.key = {REDACTED}" in log
    assert re.findall(r"^\|\s+(\d)\|\s+(\d+)\| a;b\|$", log, re.MULTILINE) == [("0", "125"), ("1", "125")]
    assert "only showing top 100 rows" in log
    assert len(re.findall(r"^\|\s+\d+\|$", log, re.MULTILINE)) == 100
    assert f"my.secret.key\t{REDACTED}" in log
    assert "| north|" in log
    assert SECRET not in log


def test_the_statement_that_fails_is_named_and_the_next_one_does_not_run(spark, tmp_path):
    path = tmp_path / "report.sql"
    path.write_text(
        f"SELECT 1;\n\nSELECT *\nFROM nowhere OPTIONS (password '{SECRET}');\nSELECT 'too late';\n"
    )
    seen, log = run(spark, application=str(path))
    assert (seen.phase, seen.diagnosis.code) == (JobPhase.FAILED, "SyntaxError")
    assert seen.diagnosis.cause.startswith("Statement 2 of report.sql (line 3) failed: ")
    assert SECRET not in seen.diagnosis.render() + log
    assert "too late" not in log

    seen, log = run(spark, sql="SELECT 1;\nSELECT * FROM nowhere")
    assert (seen.phase, seen.diagnosis.code) == (JobPhase.FAILED, "TableMissing")
    assert (
        seen.diagnosis.cause
        == "Statement 2 of statements.sql (line 2) failed: There is no table or view `nowhere`."
    )
    assert "    SELECT * FROM nowhere" in seen.diagnosis.evidence


def test_a_file_at_an_address_is_read_by_the_driver(spark, tmp_path):
    (tmp_path / "remote.sql").write_text("SELECT 'from afar' AS text")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        seen, log = run(spark, application=f"http://127.0.0.1:{server.server_port}/remote.sql")
        server.shutdown()
    assert seen.phase is JobPhase.SUCCEEDED, seen.diagnosis.render()
    assert "[1/1 remote.sql:1]" in log
    assert "|from afar|" in log


def test_what_fails_in_a_task_fails_its_statement(spark):
    seen, _ = run(spark, sql="SELECT raise_error('no such region') FROM range(3)")
    assert (seen.phase, seen.diagnosis.code) == (JobPhase.FAILED, "SqlStatementFailed")
    assert "Statement 1 of statements.sql (line 1) failed: " in seen.diagnosis.cause
    assert "no such region" in seen.diagnosis.cause


def test_a_block_is_one_statement(spark):
    seen, log = run(spark, sql=SCRIPT, extra_cmd={"spark.sql.scripting.enabled": "true"})
    if spark[1].type == "spark3":  # which has none
        assert seen.diagnosis.cause.startswith("Statement 1 of statements.sql (line 1) failed: ")
        return
    assert seen.phase is JobPhase.SUCCEEDED, seen.diagnosis.render()
    assert "|    42|" in log
    assert "[2/2 statements.sql:6] SELECT 'after' AS the_block" in log


def test_airflow_renders_sql_as_the_page_says(tmp_path, airflow_environment):
    (code,) = (
        block
        for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "jobs.md").read_text(), re.DOTALL)
        if "report.sql" in block
    )
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "report.sql").write_text(
        f"INSERT OVERWRITE DIRECTORY '{tmp_path}/data/orders/{{{{ ds }}}}' USING parquet\n"
        "SELECT id AS amount, '{{ params.region }}' AS region FROM range(3);\n"
        "SELECT length('${env:DB_PASSWORD}') AS letters;\n"
    )
    code = code.replace("/opt/jobs/sql", str(tmp_path / "sql")).replace("'/data/", f"'{tmp_path}/data/")
    assert code.count(str(tmp_path)) == 3
    (tmp_path / "dags" / "reports.py").write_text(code)
    environment = airflow_environment | {"AIRFLOW_CONN_WAREHOUSE": f"postgres://me:{SECRET}@db/x"}
    command = [AIRFLOW, "dags", "test", "reports", "2026-01-31"]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    shown = done.stdout + done.stderr
    assert done.returncode == 0, shown[-5000:]
    assert f"{len(SECRET)}|" in shown
    assert SECRET not in shown
    assert list((tmp_path / "data" / "clean" / "2026-01-31").glob("*.parquet")), shown[-5000:]

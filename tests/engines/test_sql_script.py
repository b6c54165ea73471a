"""The run of a SQL text on whatever engine, and the programs that contain it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest

from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.redaction import REDACTED, count_as_secret
from dcluster_provider.core.sql_statements import SPARK_SQL
from dcluster_provider.engines.evidence import explain_exit
from dcluster_provider.engines.sql_program import sql_program
from dcluster_provider.engines.sql_script import SqlScript, with_variables

SECRET = "m4rker-of-sql"
ENGINES = ["spark", "flink"]


def script(text: str) -> SqlScript:
    return SqlScript("job.sql", text, SPARK_SQL)


def failure_of(text: str, error: Exception) -> str:
    """What a program ends with whose last statement fails."""

    def execute(statement):
        if "fails" in statement.text:
            raise error

    with pytest.raises(SystemExit) as failed:
        script(text).run(execute)
    return str(failed.value)


def program(engine: str) -> str:
    return sql_program(JobSpec(client="c", module="m", job_type=engine, sql="SELECT 1"))


def test_statements_run_in_order_and_are_shown_without_their_secrets(capsys):
    executed = []
    text = (
        f"SET a.secret = {SECRET};\n-- no; comment\nCREATE TABLE t USING jdbc OPTIONS (password '{SECRET}')"
    )
    made = script(text)
    made.run(executed.append)
    assert [each.text for each in executed] == [
        f"SET a.secret = {SECRET}",
        f"CREATE TABLE t USING jdbc OPTIONS (password '{SECRET}')",
    ]
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == f"[1/2 job.sql:1] SET a.secret = {REDACTED}"
    assert shown[1].startswith("[1/2 job.sql:1] took ")
    assert made.title(executed[1]) == shown[2]
    assert shown[2] == f"[2/2 job.sql:3] CREATE TABLE t USING jdbc OPTIONS (password '{REDACTED}')"


def test_a_statement_that_fails_ends_the_run_with_its_number_line_and_text(capsys):
    text = f"SELECT 1;\n\nSELECT fails\nFROM x OPTIONS (password '{SECRET}'); SELECT 3"
    shown = failure_of(text, ValueError(f"\nno {SECRET} here"))
    assert shown.splitlines() == [
        "Traceback (most recent call last):",
        '  File "job.sql", line 3, in statement 2',
        "    SELECT fails",
        f"    FROM x OPTIONS (password '{REDACTED}')",
        f"ValueError: no {REDACTED} here",
    ]
    assert "SELECT 3" not in capsys.readouterr().out


def test_long_statements_and_errors_are_cut(capsys):
    shown = failure_of(f"SELECT fails, '{'x' * 5000}'", ValueError("y" * 50_000))
    assert "... (5016 characters)" in capsys.readouterr().out
    assert len(shown) < 25_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- nothing", "job.sql has no statement in it"),
        ("SELECT 'x", "job.sql: the quote ' on line 1 is never closed"),
    ],
)
def test_what_has_no_statement_does_not_run(text, message):
    with pytest.raises(SystemExit, match=message):
        script(text)


def test_variables_stand_in_a_statement_and_secret_ones_in_nothing_that_is_shown(monkeypatch, capsys):
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    monkeypatch.setenv("WAREHOUSE", f"{SECRET}-2")
    monkeypatch.setenv("REGION", "north")
    text = "SELECT '${env:DB_PASSWORD}', '${env:REGION}'; OPTIONS (password '${env:WAREHOUSE}')"
    made = script(text)
    executed = []
    made.run(lambda statement: executed.append(with_variables(statement.text)))
    assert executed == [f"SELECT '{SECRET}', 'north'", f"OPTIONS (password '{SECRET}-2')"]
    made.print(f"rows of north: {SECRET}, {SECRET}-2")
    shown = capsys.readouterr().out
    assert SECRET not in shown
    assert f"rows of north: {REDACTED}, {REDACTED}" in shown


def test_a_variable_that_is_not_there_is_named():
    with pytest.raises(SystemExit, match="no environment variable NO_SUCH; give it by env or secrets"):
        script("SELECT '${env:NO_SUCH}'").run(lambda _: None)


def test_a_failure_is_diagnosed_with_its_statement():
    missing = "[TABLE_OR_VIEW_NOT_FOUND] The table or view `t` cannot be found. Verify the spelling"
    lines = [*failure_of("SELECT 1; SELECT fails", ValueError(missing)).splitlines(), "26/01/01 INFO done"]
    found = explain_exit("The driver", 1, lines)
    assert found.code == "TableMissing"
    assert found.cause == "Statement 2 of job.sql (line 1) failed: There is no table or view `t`."
    assert "    SELECT fails" in found.evidence
    found = explain_exit(
        "The driver", 1, failure_of("SELECT fails", ValueError("no such thing")).splitlines()
    )
    assert found.code == "SqlStatementFailed"
    assert found.cause == "Statement 1 of job.sql (line 1) failed: ValueError: no such thing"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_program_runs_as_one_file_where_this_package_is_not(tmp_path, engine):
    path = tmp_path / "sql_runner.py"
    try:
        count_as_secret("salt")
        path.write_text(program(engine), encoding="utf-8")
    finally:
        count_as_secret("")
    code = f"""
import json, runpy, sys
sys.modules["dcluster_provider"] = None
names = runpy.run_path({str(path)!r})
dialect = names["SPARK_SQL" if {engine!r} == "spark" else "FLINK_SQL"]
script = names["SqlScript"]("x.sql", "SELECT 1; SELECT 2", dialect)
print(json.dumps([each.text for each in script.statements]))
script.print("'password' = 'm4rker', 'salt' = 'm4rker', 'sugar' = 'sweet'")
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    statements, shown = done.stdout.splitlines()
    assert json.loads(statements) == ["SELECT 1", "SELECT 2"]
    assert shown == f"'password' = '{REDACTED}', 'salt' = '{REDACTED}', 'sugar' = 'sweet'"


@pytest.mark.parametrize("engine", ENGINES)
def test_no_name_in_a_program_is_given_twice_and_an_older_python_reads_it(engine):
    tree = ast.parse(program(engine), feature_version=(3, 8))
    names = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names += [
                each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)
            ]
    assert len(names) == len(set(names))
    assert "dcluster_provider.core" not in {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }

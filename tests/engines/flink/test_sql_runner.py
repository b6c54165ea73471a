"""Statements of a SQL file."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext

import pytest

from dcluster_provider.core.redaction import REDACTED, count_as_secret
from dcluster_provider.engines.flink import sql_runner
from dcluster_provider.engines.flink.sql_program import sql_program
from dcluster_provider.engines.flink.sql_runner import assignment, executable, split_statements

TABLE = "CREATE TABLE t (n INT) WITH ('connector' = 'jdbc', 'password' = 'm4rker')"


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", []),
        (" ;; \n-- nothing; at all\n", []),
        ("SELECT 1", [(1, "SELECT 1")]),
        ("SELECT 1;\n\nSELECT 2;\n", [(1, "SELECT 1"), (3, "SELECT 2")]),
        ("SELECT 'a;b', `c;d`, \"e;f\"; SELECT 2", [(1, "SELECT 'a;b', `c;d`, \"e;f\""), (1, "SELECT 2")]),
        ("SELECT 'it''s; fine'", [(1, "SELECT 'it''s; fine'")]),
        ("-- a; b\nSELECT 1 -- c; d\n+ 1", [(2, "SELECT 1  \n+ 1")]),
        ("/* a;\n b */\nSELECT 1", [(3, "SELECT 1")]),
        ("SELECT /*+ OPTIONS('a'='b;c') */ 1", [(1, "SELECT /*+ OPTIONS('a'='b;c') */ 1")]),
        ("SELECT '-- no comment', '/* nor this */'", [(1, "SELECT '-- no comment', '/* nor this */'")]),
        ("SELECT 'open; to the end", [(1, "SELECT 'open"), (1, "to the end")]),
        ("/* never closed; SELECT 1", []),
        (
            "EXECUTE STATEMENT SET BEGIN\nINSERT INTO a SELECT 1;\nINSERT INTO b SELECT 2;\nEND;\nSELECT 3",
            [
                (1, "EXECUTE STATEMENT SET BEGIN\nINSERT INTO a SELECT 1;\nINSERT INTO b SELECT 2;\nEND"),
                (5, "SELECT 3"),
            ],
        ),
        (
            "BEGIN STATEMENT SET; INSERT INTO a SELECT CASE x WHEN 1 THEN 2 END; INSERT INTO b SELECT 1; END; SELECT 2",
            [
                (
                    1,
                    "BEGIN STATEMENT SET; INSERT INTO a SELECT CASE x WHEN 1 THEN 2 END; INSERT INTO b SELECT 1; END",
                ),
                (1, "SELECT 2"),
            ],
        ),
        (
            "SELECT CASE x WHEN 1 THEN 2 END; SELECT 2",
            [(1, "SELECT CASE x WHEN 1 THEN 2 END"), (1, "SELECT 2")],
        ),
        ("SELECT begin_at FROM t; SELECT 2", [(1, "SELECT begin_at FROM t"), (1, "SELECT 2")]),
    ],
)
def test_a_text_is_split_where_statements_end(text, statements):
    assert list(split_statements(text)) == statements


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("SET 'table.dml-sync' = 'false'", ("table.dml-sync", "false")),
        ("set parallelism.default=4", ("parallelism.default", "4")),
        ("SET 'pipeline.name' = 'it''s mine'", ("pipeline.name", "it's mine")),
        ("SET 'a' = ''", ("a", "")),
        ("SELECT 1", None),
    ],
)
def test_settings_are_read(statement, found):
    assert assignment(statement) == found


def test_a_set_of_statements_is_written_as_flink_reads_it():
    assert executable("BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END") == (
        "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END"
    )
    assert executable("SELECT 1") == "SELECT 1"


class Environment:
    """Takes statements as Flink's table environment takes them; what is wrong with one it says with its options."""

    def __init__(self):
        self.settings = {}
        self.printed = 0

    def get_config(self):
        return self

    def set(self, name, value):
        self.settings[name] = value

    def execute_sql(self, statement):
        if statement.startswith("BROKEN"):
            raise ValueError(f"cannot be parsed\nCaused by: options: {statement}")
        return self

    def collect(self):
        return nullcontext([(TABLE,)])

    def print(self):
        self.printed += 1


@pytest.fixture
def environment(monkeypatch):
    made = Environment()
    monkeypatch.setattr(sql_runner, "_environment", lambda mode: made)
    return made


def test_no_secret_of_a_statement_is_printed_and_every_statement_gets_its_own(tmp_path, capsys, environment):
    path = tmp_path / "job.sql"
    path.write_text(f"SET 's3.secret-key' = 'm4rker';\n{TABLE};\nSHOW CREATE TABLE t;\nSELECT 1;")
    sql_runner.run(path)
    assert capsys.readouterr().out.splitlines() == [
        f"[job.sql:1] SET 's3.secret-key' = '{REDACTED}'",
        f"[job.sql:2] {TABLE.replace('m4rker', REDACTED)}",
        "[job.sql:3] SHOW CREATE TABLE t",
        TABLE.replace("m4rker", REDACTED),
        "[job.sql:4] SELECT 1",
    ]
    assert environment.settings == {"s3.secret-key": "m4rker"}
    assert environment.printed == 2  # of CREATE and SELECT


def test_a_statement_that_fails_is_told_of_without_its_secrets(tmp_path, capsys, environment):
    path = tmp_path / "job.sql"
    path.write_text("BROKEN WITH ('password' = 'm4rker');")
    with pytest.raises(SystemExit) as failed:
        sql_runner.run(path)
    assert str(failed.value) == f"SQL statement failed: options: BROKEN WITH ('password' = '{REDACTED}')"
    assert "m4rker" not in capsys.readouterr().out


def test_the_program_runs_as_one_file_where_this_package_is_not(tmp_path):
    program = tmp_path / "sql_runner.py"
    try:
        count_as_secret("salt")
        program.write_text(sql_program(), encoding="utf-8")
    finally:
        count_as_secret("")
    code = f"""
import runpy, sys
sys.modules["dcluster_provider"] = None
names = runpy.run_path({str(program)!r})
print(list(names["split_statements"]("SELECT 1; SELECT 2")))
names["_say"]("'password' = 'm4rker', 'salt' = 'm4rker', 'sugar' = 'sweet'")
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "[(1, 'SELECT 1'), (1, 'SELECT 2')]",
        f"'password' = '{REDACTED}', 'salt' = '{REDACTED}', 'sugar' = 'sweet'",
    ]

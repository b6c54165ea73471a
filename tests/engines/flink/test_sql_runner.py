"""Statements of a SQL file on Flink."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from dcluster_provider.core.redaction import REDACTED
from dcluster_provider.engines.flink import sql_runner
from dcluster_provider.engines.flink.sql_runner import assignment, executable

TABLE = "CREATE TABLE t (n INT) WITH ('connector' = 'jdbc', 'password' = 'm4rker')"


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
        self.executed = []
        self.printed = 0

    def get_config(self):
        return self

    def set(self, name, value):
        self.settings[name] = value

    def execute_sql(self, statement):
        if statement.startswith("BROKEN"):
            raise ValueError(f"cannot be parsed\nCaused by: a.B: options: {statement}")
        self.executed.append(statement)
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
    sql_runner.main(path)
    assert [line for line in capsys.readouterr().out.splitlines() if "] took " not in line] == [
        f"[1/4 job.sql:1] SET 's3.secret-key' = '{REDACTED}'",
        f"[2/4 job.sql:2] {TABLE.replace('m4rker', REDACTED)}",
        "[3/4 job.sql:3] SHOW CREATE TABLE t",
        TABLE.replace("m4rker", REDACTED),
        "[4/4 job.sql:4] SELECT 1",
    ]
    assert environment.settings == {"s3.secret-key": "m4rker"}
    assert environment.printed == 2  # of CREATE and SELECT


def test_a_variable_of_the_client_stands_in_a_statement(tmp_path, capsys, environment, monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "m4rker")
    path = tmp_path / "job.sql"
    path.write_text(TABLE.replace("m4rker", "${env:DB_PASSWORD}"))
    sql_runner.main(path)
    assert environment.executed == [TABLE]
    assert "m4rker" not in capsys.readouterr().out


def test_a_statement_that_fails_is_told_of_without_its_secrets(tmp_path, capsys, environment):
    path = tmp_path / "job.sql"
    path.write_text("BROKEN WITH ('password' = 'm4rker');")
    with pytest.raises(SystemExit) as failed:
        sql_runner.main(path)
    told = str(failed.value).splitlines()
    assert told[1] == '  File "job.sql", line 1, in statement 1'
    assert told[-1] == f"ValueError: a.B: options: BROKEN WITH ('password' = '{REDACTED}')"
    assert "m4rker" not in capsys.readouterr().out + str(failed.value)

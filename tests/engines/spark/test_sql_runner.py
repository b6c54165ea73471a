"""Statements of SQL on Spark; tests/live runs them in real sessions."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dcluster_provider.core.redaction import REDACTED
from dcluster_provider.core.sql_statements import SPARK_SQL
from dcluster_provider.engines.spark.sql_runner import execute, read
from dcluster_provider.engines.sql_script import SqlScript


class Frame:
    """Rows as Spark's frames have them."""

    def __init__(self, columns=(), rows=()):
        self.columns, self.rows = list(columns), list(rows)

    def take(self, number):
        return self.rows[:number]

    def show(self, number, truncate):
        print(f"shown {self.rows[:number]}, at most {truncate}")


def printed(statement, frame, capsys):
    script, titles = SqlScript("job.sql", statement, SPARK_SQL), []
    session = SimpleNamespace(
        sparkContext=SimpleNamespace(setJobDescription=titles.append),
        sql=lambda given: frame if given == statement else None,
    )
    execute(session, script, script.statements[0])
    assert titles == [f"[1/1 job.sql:1] {statement.replace('m4rker', REDACTED)}"]
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("statement", "frame", "lines"),
    [
        ("CREATE VIEW v AS SELECT 1", Frame(), []),
        ("SET a.secret = m4rker", Frame(["key", "value"], [("a.secret", "m4rker")]), []),
        ("SET a.secret", Frame(["key", "value"], [("a.secret", "m4rker")]), [f"a.secret\t{REDACTED}"]),
        ("SHOW TBLPROPERTIES t", Frame(["key", "value"], [("a", "b"), ("c", None)]), ["a\tb", "c\tNULL"]),
        (
            "SHOW CREATE TABLE t",
            Frame(["createtab_stmt"], [("CREATE TABLE t\nOPTIONS (password 'm4rker')",)]),
            ["CREATE TABLE t", f"OPTIONS (password '{REDACTED}')"],
        ),
        ("SELECT 1", Frame(["1"], [(1,)]), ["shown [(1,)], at most 200"]),
        ("DESCRIBE t", Frame(["col_name"], [("n",)]), ["shown [('n',)], at most False"]),
    ],
)
def test_rows_are_printed_as_a_statement_has_them(statement, frame, lines, capsys):
    assert printed(statement, frame, capsys) == lines


def test_many_rows_are_cut(capsys):
    lines = printed("SET", Frame(["key", "value"], [("a", str(n)) for n in range(101)]), capsys)
    assert len(lines) == 101
    assert lines[-2:] == ["a\t99", "only showing top 100 rows"]


@pytest.mark.parametrize("form", ["{}", "file://{}", "file:{}", "local://{}"])
def test_a_file_of_the_driver_is_read(form, tmp_path):
    path = tmp_path / "job 1.sql"
    path.write_text("SELECT 'é'", encoding="utf-8")
    assert read(None, form.format(path)) == "SELECT 'é'"

"""Statements of a SQL file."""

from __future__ import annotations

import pytest

from dcluster_provider.engines.sql_runner import assignment, executable, split_statements


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

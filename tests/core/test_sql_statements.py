"""Where the statements of a SQL text end, as each engine reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcluster_provider.core.sql_statements import FLINK_SQL, SPARK_SQL, split_statements

BOTH = [
    ("", []),
    (" ;; \n-- nothing; at all\n", []),
    ("SELECT 1", [(1, "SELECT 1")]),
    ("\ufeffSELECT 1", [(1, "SELECT 1")]),
    ("SELECT 1;\n\nSELECT 2;\n", [(1, "SELECT 1"), (3, "SELECT 2")]),
    ("SELECT 'a;b', `c;d`, \"e;f\"; SELECT 2", [(1, "SELECT 'a;b', `c;d`, \"e;f\""), (1, "SELECT 2")]),
    ("SELECT 'it''s; fine'", [(1, "SELECT 'it''s; fine'")]),
    ("-- a; b\nSELECT 1 -- c; d\n+ 1", [(2, "SELECT 1  \n+ 1")]),
    ("/* a;\n b */\nSELECT 1", [(3, "SELECT 1")]),
    ("-- it's fine\nSELECT 1", [(2, "SELECT 1")]),
    ("SELECT /*+ OPTIONS('a'='b;c') */ 1", [(1, "SELECT /*+ OPTIONS('a'='b;c') */ 1")]),
    ("SELECT '-- no comment', '/* nor this */'", [(1, "SELECT '-- no comment', '/* nor this */'")]),
    ("SELECT ((1));\n  SELECT 2", [(1, "SELECT ((1))"), (2, "SELECT 2")]),
    ("SELECT CASE x WHEN 1 THEN 2 END; SELECT 2", [(1, "SELECT CASE x WHEN 1 THEN 2 END"), (1, "SELECT 2")]),
    ("SELECT begin_at, t.begin FROM t; SELECT 2", [(1, "SELECT begin_at, t.begin FROM t"), (1, "SELECT 2")]),
]
SPARK = [
    (r"SELECT 'a\';b'; SELECT 2", [(1, r"SELECT 'a\';b'"), (1, "SELECT 2")]),
    (r"SELECT r'C:\'; SELECT R'a;b'", [(1, r"SELECT r'C:\'"), (1, "SELECT R'a;b'")]),
    ("/* a /* b; */ c; */ SELECT 1", [(1, "SELECT 1")]),
    ("-- goes \\\non; and on\nSELECT 1", [(3, "SELECT 1")]),
    ("SELECT $$a;b$$; SELECT $x$c;$$d$x$", [(1, "SELECT $$a;b$$"), (1, "SELECT $x$c;$$d$x$")]),
    ("SELECT '${env:A}';SET a=b", [(1, "SELECT '${env:A}'"), (1, "SET a=b")]),
    (
        "BEGIN\n IF x THEN SELECT 1; END IF;\n CASE x WHEN 1 THEN SELECT 2; END CASE;\n END;\nSELECT 3",
        [
            (1, "BEGIN\n IF x THEN SELECT 1; END IF;\n CASE x WHEN 1 THEN SELECT 2; END CASE;\n END"),
            (5, "SELECT 3"),
        ],
    ),
    (
        "a: BEGIN FOR r AS SELECT w.end FROM w DO BEGIN SELECT 1; END; END FOR; END a; SELECT 2",
        [
            (1, "a: BEGIN FOR r AS SELECT w.end FROM w DO BEGIN SELECT 1; END; END FOR; END a"),
            (1, "SELECT 2"),
        ],
    ),
]
FLINK = [
    (r"SELECT 'C:\'; SELECT 2", [(1, r"SELECT 'C:\'"), (1, "SELECT 2")]),
    ("/* a /* b; */ SELECT 1", [(1, "SELECT 1")]),
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
]


@pytest.mark.parametrize(
    ("dialect", "text", "statements"),
    [
        *((SPARK_SQL, *it) for it in (*BOTH, *SPARK)),
        *((FLINK_SQL, *it) for it in (*BOTH, *FLINK)),
    ],
)
def test_a_text_is_split_where_statements_end(dialect, text, statements):
    found = split_statements(text, dialect)
    assert [(it.line, it.text) for it in found] == statements
    assert [it.number for it in found] == list(range(1, len(found) + 1))


@pytest.mark.parametrize("dialect", [SPARK_SQL, FLINK_SQL])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1;\nSELECT 'open; SELECT 2", "the quote ' on line 2 is never closed"),
        ("SELECT `a; SELECT 2", "the quote ` on line 1 is never closed"),
        ("SELECT 1;\n\n/* open; SELECT 1", "the comment that begins on line 3 is never closed"),
    ],
)
def test_what_is_never_closed_is_no_sql(dialect, text, message):
    with pytest.raises(ValueError, match=message):
        split_statements(text, dialect)


def test_a_comment_in_a_comment_is_closed_once_more_on_spark():
    with pytest.raises(ValueError, match="line 1 is never closed"):
        split_statements("/* a /* b */ SELECT 1", SPARK_SQL)


@given(st.lists(st.sampled_from(["a", " ", "1", "'x;y'", "`;`", "-- ;\n", "/* ; */", "CASE", "END", "\n"])))
def test_a_text_without_a_semicolon_of_its_own_is_one_statement_at_most(parts):
    text = "".join(parts)
    for dialect in (SPARK_SQL, FLINK_SQL):
        assert len(split_statements(text, dialect)) <= 1
        assert split_statements(f"SELECT 1;{text}", dialect)[0].text == "SELECT 1"

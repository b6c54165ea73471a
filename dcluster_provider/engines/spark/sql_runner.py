"""Runs the statements of SQL in one Spark session. Executed by spark-submit in Spark's own Python.

    spark-submit sql_runner.py FILE

FILE is of the driver's machine or image, or at an address that Spark reads. A statement that fails ends the program,
and the statements after it are not run. Rows are printed, at most 100 of each statement. The program is shipped as one
file, see ``engines/sql_program.py``; images have Python 3.8 and later.
"""

from __future__ import annotations

import re
import sys
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from dcluster_provider.core.redaction import REDACTED, redaction
from dcluster_provider.core.sql_statements import SPARK_SQL, Statement
from dcluster_provider.engines.sql_script import SqlScript

_MAX_ROWS, _MAX_CELL = 100, 200
_ASSIGNS = re.compile(r"SET\s+[^\s=]+\s*=", re.IGNORECASE)
# Rows that are lines of text, or whose cells are read as a whole.
_IS_TEXT = re.compile(r"(?:SHOW\s+CREATE|EXPLAIN)\b", re.IGNORECASE)
_IS_WIDE = re.compile(r"(?:DESC|DESCRIBE|SHOW)\b", re.IGNORECASE)
_SETTINGS = ["key", "value"]  # the columns of SET and SHOW TBLPROPERTIES


def main(address: str) -> None:
    """Run the SQL at an address.

    :raises SystemExit: a statement failed.
    """
    from pyspark.sql import SparkSession

    session = SparkSession.builder.getOrCreate()
    try:
        script = SqlScript(PurePosixPath(urlsplit(address).path).name, read(session, address), SPARK_SQL)
        script.run(lambda statement: execute(session, script, statement))
    finally:
        with suppress(Exception):  # a JVM that has ended hides no failure
            session.stop()  # before the program's last words, which tell of one


def read(session: Any, address: str) -> str:
    """The text at an address."""
    scheme, path = urlsplit(address).scheme, urlsplit(address).path
    if scheme in ("", "file", "local"):
        path = path if scheme else address
    else:
        from pyspark import SparkFiles

        session.sparkContext.addFile(address)
        path = SparkFiles.get(PurePosixPath(path).name)
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - a path as Spark has it
        return file.read()


def execute(session: Any, script: SqlScript, statement: Statement) -> None:
    """Execute a statement and print its rows."""
    session.sparkContext.setJobDescription(script.title(statement))  # on Spark's pages
    frame = session.sql(statement.text)
    if not frame.columns or _ASSIGNS.match(statement.text):
        return
    if _IS_TEXT.match(statement.text) or frame.columns[:2] == _SETTINGS:
        _print_lines(script, frame)
        return
    with redirect_stdout(StringIO()) as shown:
        frame.show(_MAX_ROWS, truncate=False if _IS_WIDE.match(statement.text) else _MAX_CELL)
    script.print(shown.getvalue())


def _print_lines(script: SqlScript, frame: Any) -> None:
    rows = frame.take(_MAX_ROWS + 1)
    is_settings = frame.columns[:2] == _SETTINGS
    for row in rows[:_MAX_ROWS]:
        cells = ["NULL" if cell is None else str(cell) for cell in row]
        if is_settings and redaction().is_secret(cells[0]):
            cells[1] = REDACTED
        script.print("\t".join(cells))
    if len(rows) > _MAX_ROWS:
        script.print(f"only showing top {_MAX_ROWS} rows")


if __name__ == "__main__":
    main(sys.argv[1])

"""Runs the statements of a SQL file one after the other. Executed as a PyFlink program in Flink's own environment.

    flink run -py sql_runner.py FILE

A statement that fails ends the program with an error, and the statements after it are not run. Results are printed.
The program is shipped as one file, see ``engines/sql_program.py``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dcluster_provider.core.sql_statements import FLINK_SQL
from dcluster_provider.engines.sql_script import SqlScript, with_variables

_SET = re.compile(
    r"^SET\s+(?:'([^']+)'|([\w.-]+))\s*=\s*(?:'((?:[^']|'')*)'|(\S+))$", re.IGNORECASE | re.DOTALL
)
_RESET = re.compile(r"^RESET\s+(?:'([^']+)'|([\w.-]+))$", re.IGNORECASE)
_WRITES = re.compile(r"^(?:INSERT|UPDATE|DELETE|TRUNCATE|EXECUTE\s+STATEMENT|BEGIN)\b", re.IGNORECASE)
# What shows the options of a table or catalog, passwords among them; Flink prints that itself, as it is.
_SHOWS_OPTIONS = re.compile(r"^(?:SHOW\s+CREATE|DESC(?:RIBE)?\s+CATALOG)\b", re.IGNORECASE)
# As the SQL client writes a set of statements, and as the table environment knows it.
_BEGIN_SET = re.compile(r"^BEGIN\s+STATEMENT\s+SET\s*;\s*(.*)$", re.IGNORECASE | re.DOTALL)


def main(path: Path) -> None:
    """Run a SQL file against the cluster that this program was submitted to.

    :raises SystemExit: a statement failed.
    """
    script = SqlScript(path.name, path.read_text(encoding="utf-8"), FLINK_SQL)
    environment = _environment(_runtime_mode(statement.text for statement in script.statements))
    script.run(lambda statement: execute(environment, script, with_variables(statement.text)), reason)


def _runtime_mode(statements: Iterable[str]) -> str | None:
    """The mode that the file sets, which has to be known before its first statement is run."""
    assignments = (assignment(statement) for statement in statements)
    modes = [found[1] for found in assignments if found and found[0] == "execution.runtime-mode"]
    return modes[0] if modes else None


def _environment(mode: str | None) -> Any:
    from pyflink.datastream import StreamExecutionEnvironment
    from pyflink.table import EnvironmentSettings, StreamTableEnvironment

    stream = StreamExecutionEnvironment.get_execution_environment()
    configuration = stream._j_stream_execution_environment.getConfiguration()  # noqa: SLF001 - no public way
    mode = mode or configuration.toMap().get("execution.runtime-mode") or "streaming"
    settings = EnvironmentSettings.new_instance()
    settings = settings.in_batch_mode() if mode.lower() == "batch" else settings.in_streaming_mode()
    return StreamTableEnvironment.create(stream, settings.build())


def execute(environment: Any, script: SqlScript, statement: str) -> None:
    """Execute a statement and print its rows."""
    assigned, cleared = assignment(statement), _RESET.match(statement)
    if assigned:
        environment.get_config().set(*assigned)
    elif cleared:
        environment.get_config().get_configuration().remove_config(cleared[1] or cleared[2])
    else:
        result = environment.execute_sql(executable(statement))
        if _SHOWS_OPTIONS.match(statement):
            with result.collect() as rows:
                for row in rows:
                    script.print("\t".join(map(str, row)))
        elif not _WRITES.match(statement):  # a write has only a meaningless count to show
            result.print()


def assignment(statement: str) -> tuple[str, str] | None:
    """The name and value of a SET statement; none for any other."""
    found = _SET.match(statement)
    if found is None:
        return None
    value = found[4] if found[3] is None else found[3].replace("''", "'")
    return found[1] or found[2], value


def executable(statement: str) -> str:
    """A statement as the table environment reads it."""
    found = _BEGIN_SET.match(statement)
    return f"EXECUTE STATEMENT SET BEGIN {found[1]}" if found else statement


def reason(error: Exception) -> str:
    """The innermost cause of a failure, which Java puts last."""
    lines = [line.strip() for line in str(error).splitlines()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    described = [line.removeprefix(": ") for line in lines if line.startswith(": ")]
    return (causes or described or lines or [type(error).__name__])[-1]


if __name__ == "__main__":
    main(Path(sys.argv[1]))

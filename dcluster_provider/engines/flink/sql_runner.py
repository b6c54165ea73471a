"""Runs the statements of a SQL file one after the other. Executed as a PyFlink program in Flink's own environment.

    flink run -py sql_runner.py FILE

A statement that fails ends the program with an error, and the statements after it are not run. Results are printed.
What statements assign to the name of a secret (``'password' = '...'``) is not. The program is shipped as one file, see
``engines/sql_program.py``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dcluster_provider.core.redaction import redaction

# Words in quotes, comments, a semicolon, or a word: what the end of a statement is found by.
_TOKEN = re.compile(
    r"""
    (?P<quoted>'(?:[^']|'')*' | `(?:[^`]|``)*` | "(?:[^"]|"")*")
    | (?P<comment>--[^\n]* | /\*(?!\+).*?(?:\*/|\Z))  # not a hint
    | (?P<semicolon>;)
    | (?P<word>\w+)
    """,
    re.VERBOSE | re.DOTALL,
)
_SET = re.compile(
    r"^SET\s+(?:'([^']+)'|([\w.-]+))\s*=\s*(?:'((?:[^']|'')*)'|(\S+))$", re.IGNORECASE | re.DOTALL
)
_RESET = re.compile(r"^RESET\s+(?:'([^']+)'|([\w.-]+))$", re.IGNORECASE)
_WRITES = re.compile(r"^(?:INSERT|UPDATE|DELETE|TRUNCATE|EXECUTE\s+STATEMENT|BEGIN)\b", re.IGNORECASE)
# What shows the options of a table or catalog, passwords among them; Flink prints that itself, as it is.
_SHOWS_OPTIONS = re.compile(r"^(?:SHOW\s+CREATE|DESC(?:RIBE)?\s+CATALOG)\b", re.IGNORECASE)
# As the SQL client writes a set of statements, and as the table environment knows it.
_BEGIN_SET = re.compile(r"^BEGIN\s+STATEMENT\s+SET\s*;\s*(.*)$", re.IGNORECASE | re.DOTALL)


def split_statements(text: str) -> Iterator[tuple[int, str]]:
    """The statements of a SQL text, without comments, and the line that each begins on.

    Semicolons in quotes and comments end nothing, and neither do those within ``BEGIN ... END``.
    """
    statement: list[str] = []
    begun, depth, line, position = 0, 0, 1, 0
    for token in _TOKEN.finditer(text):
        between, content, kind = text[position : token.start()], token[0], token.lastgroup
        position = token.end()
        if not begun and between.strip():
            begun = line + between[: len(between) - len(between.lstrip())].count("\n")
        line += between.count("\n")
        if not begun and kind != "comment":
            begun = line
        line += content.count("\n")
        if kind == "semicolon" and not depth:
            yield from _statement([*statement, between], begun)
            statement, begun = [], 0
            continue
        statement += [between, " " if kind == "comment" else content]
        depth = _depth(depth, content, statement) if kind == "word" else depth
    yield from _statement([*statement, text[position:]], begun or line)


def run(path: Path) -> None:
    """Run a SQL file against the cluster that this program was submitted to.

    :raises SystemExit: a statement failed.
    """
    statements = list(split_statements(path.read_text(encoding="utf-8")))
    environment = _environment(_runtime_mode(statement for _, statement in statements))
    for line, statement in statements:
        _say(f"[{path.name}:{line}] {statement}")
        try:
            _run_statement(environment, statement)
        except Exception as error:  # noqa: BLE001 - whatever it was, the statement failed
            _say(f"{path.name}, line {line}: the statement failed: {statement}")
            raise SystemExit(redaction().text(f"SQL statement failed: {_reason(error)}")) from None


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


def _run_statement(environment: Any, statement: str) -> None:
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
                    _say("\t".join(map(str, row)))
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


def _say(text: str) -> None:
    sys.stdout.write(redaction().text(text) + "\n")
    sys.stdout.flush()


def _statement(parts: list[str], line: int) -> Iterator[tuple[int, str]]:
    text = "".join(parts).strip()
    if text:
        yield line, text


def _depth(depth: int, word: str, statement: list[str]) -> int:
    """How many ENDs are due after a word: of the set of statements, and of each CASE within it."""
    word = word.upper()
    if word == "END":
        return max(0, depth - 1)
    if word == "CASE" and depth:
        return depth + 1
    if word == "BEGIN" and not depth:
        before = "".join(statement[:-1]).upper().split()
        return 1 if before in ([], ["EXECUTE", "STATEMENT", "SET"]) else 0
    return depth


def _reason(error: Exception) -> str:
    """The innermost cause of a failure, which Java puts last."""
    lines = [line.strip() for line in str(error).splitlines()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    described = [line.removeprefix(": ") for line in lines if line.startswith(": ")]
    return (causes or described or lines or [type(error).__name__])[-1]


if __name__ == "__main__":
    run(Path(sys.argv[1]))

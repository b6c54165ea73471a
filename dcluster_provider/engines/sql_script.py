"""Runs the statements of a SQL text one after the other, whatever engine executes them, and reports each.

The programs that run SQL on the engines contain this module (``engines/sql_program.py``), so it needs nothing but the
standard library of Python 3.8.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable

from dcluster_provider.core.redaction import redaction
from dcluster_provider.core.sql_statements import SqlDialect, Statement, split_statements

_VARIABLE = re.compile(r"\$\{env:(\w+)\}")
_MAX_STATEMENT = 2000  # characters that are shown of one
_MAX_TITLE = 200
_MAX_ERROR = 20_000  # characters that are shown of an error, most of which are stack frames


class SqlScript:
    """The statements of a SQL text.

    :param name: of its file.
    :param text: the SQL.
    :raises SystemExit: it has no statement, or cannot be split into statements.
    """

    def __init__(self, name: str, text: str, dialect: SqlDialect) -> None:
        self.name = name
        try:
            self.statements = split_statements(text, dialect)
        except ValueError as error:
            raise SystemExit(f"{name}: {error}") from None
        if not self.statements:
            raise SystemExit(f"{name} has no statement in it")
        self._secrets = _secrets_of(text)

    def run(self, execute: Callable[[Statement], None], explain: Callable[[Exception], str] = str) -> None:
        """Execute the statements in order, each when the one before has succeeded.

        :param execute: executes one.
        :param explain: what an error says of its cause.
        :raises SystemExit: a statement failed.
        """
        for statement in self.statements:
            place = self._place(statement)
            self.print(f"{place} {self._shown(statement)}")
            started = time.monotonic()
            try:
                _check_variables(statement.text)
                execute(statement)
            except Exception as error:  # noqa: BLE001 - whatever it was, the statement failed
                raise SystemExit(self._failure(statement, error, explain(error))) from None
            self.print(f"{place} took {time.monotonic() - started:.1f} s")

    def print(self, text: str) -> None:
        """Print text without secrets."""
        sys.stdout.write(redaction().sql(text, self._secrets).rstrip("\n") + "\n")
        sys.stdout.flush()

    def title(self, statement: Statement) -> str:
        """A statement in one line without secrets, for a page."""
        line = " ".join(f"{self._place(statement)} {self._shown(statement)}".split())
        return line if len(line) <= _MAX_TITLE else f"{line[:_MAX_TITLE]}..."

    def _place(self, statement: Statement) -> str:
        return f"[{statement.number}/{len(self.statements)} {self.name}:{statement.line}]"

    def _failure(self, statement: Statement, error: Exception, message: str) -> str:
        """The failure of a statement in the form of a Python traceback, which is how logs are read."""
        lines = self._shown(statement).splitlines()
        shown = [f"    {line.strip()}" for line in lines if line.strip()]
        said = redaction().sql(message.strip(), self._secrets) or "no message"
        if len(said) > _MAX_ERROR:
            said = f"{said[: _MAX_ERROR // 2]}\n...\n{said[-_MAX_ERROR // 2 :]}"
        head = f'  File "{self.name}", line {statement.line}, in statement {statement.number}'
        kind = type(error)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        return "\n".join(["Traceback (most recent call last):", head, *shown, f"{name}: {said}"])

    def _shown(self, statement: Statement) -> str:
        text = redaction().sql(statement.text, self._secrets)
        return text if len(text) <= _MAX_STATEMENT else f"{text[:_MAX_STATEMENT]}... ({len(text)} characters)"


def with_variables(statement: str) -> str:
    """A statement with the values of the environment variables that it names as ``${env:NAME}``."""
    return _VARIABLE.sub(lambda found: os.environ[found[1]], statement)


def _check_variables(statement: str) -> None:
    for name in _VARIABLE.findall(statement):
        if name not in os.environ:
            raise LookupError(
                f"there is no environment variable {name}; give it by env or secrets of the job"
            )


def _secrets_of(text: str) -> list[str]:
    """The secrets that SQL sets, or names as environment variables."""
    variables = {name: os.environ.get(name, "") for name in _VARIABLE.findall(text)}
    known = _VARIABLE.sub(lambda found: variables[found[1]], text)
    return [*redaction().secrets_in_sql(known), *redaction().secrets_in(variables)]

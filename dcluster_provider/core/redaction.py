"""Removes secrets from what people and programs are shown: settings, arguments, JSON and text.

A value is a secret by its name, as Spark and Flink decide it for their own pages and logs. Only the standard library
of Python 3.8 is used: the programs that run SQL on the engines contain this module (``engines/sql_program.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

REDACTED = "*********(redacted)"
# Spark's pattern, what Flink counts as sensitive, and the names that clouds, databases and brokers use.
_NAMES = (
    r"secret|passw(?:or)?d|passphrase|token|credential|access[._-]?key|api[._-]?key|private[._-]?key|"
    r"account[._-]?key|service[._-]?key|auth[._-]?params|basic[._-]?auth|jaas[._-]?config|http[._-]headers|authorization"
)
_QUOTED = (
    r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"|(?P<escaped>\\+["']).*?(?P=escaped)|'[^'\n]*$|"[^"\n]*$"""
)
_VALUE = rf"(?P<value>{_QUOTED}|(?!\*{{6}})[^\s,'\"&]+)"
_ADDRESS = re.compile(
    r"(?P<before>\b[a-z][\w+.-]{0,40}://[^\s:/@'\"]{0,200}:)(?!\*{3}@|\*{6})[^\s/'\"]{1,500}(?=@)",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"(?P<before>\b(?i:bearer|basic)\s+)(?=\S*[\d=])[\w.~+/=-]{8,}")
_IN_QUOTES = r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*\""""  # of SQL
_SHORTEST = 6  # characters: shorter values occur within words that are no secrets


class Redaction:
    """The rules for what counts as a secret.

    :param more: a regular expression; names that contain a match are secret, too.
    :raises ValueError: it is not a regular expression.
    """

    def __init__(self, more: str = "") -> None:
        names = f"{_NAMES}|(?:{more})" if more else _NAMES
        self.names, self.own_names = names, _NAMES
        try:
            self._name = re.compile(names, re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"{more!r} is not a regular expression: {error}") from None
        self.more = more
        # From the beginning of a word and with a limit, so that a long line takes linear time.
        start, rest = r"(?<![\w.-])", rf"[\w.\[\]-]{{0,100}}?(?:{names})[\w.\[\]-]{{0,100}}"
        assigned = rf"(?P<mark>\\*['\"`])?{start}{rest}(?(mark)(?P=mark)\s*(?:=>|=|:)|\s*=>?)\s*"
        yaml = rf"^[ \t-]*{start}{rest}:[ \t]+"  # elsewhere in a line, it may be prose
        flag = rf"{start}--?(?=\w){rest}['\"]?,?[ \t]+(?!-)"
        self._assignments = [
            re.compile(rf"(?P<before>{before}){_VALUE}", re.IGNORECASE | re.MULTILINE)
            for before in (assigned, yaml, flag)
        ]
        # OPTIONS (password 'x'), and SET, whose value Spark reads to the end of the statement.
        name = rf"(?P<mark>['\"`])?{start}{rest}(?(mark)(?P=mark))"
        value = rf"(?P<value>{_IN_QUOTES}|[^\s;'\"][^;]*)"
        self._sql_assignments = [
            re.compile(rf"(?P<before>\bSET\s+{name}\s*=\s*){value}", re.IGNORECASE),
            re.compile(rf"(?P<before>{name}\s+)(?P<value>{_IN_QUOTES})", re.IGNORECASE),
        ]
        # In lists of properties alone: a value that a column is compared with occurs elsewhere, too.
        self._sql_property = re.compile(
            rf"[(,]\s*{name}(?:\s*=>?\s*|\s+)(?P<value>{_IN_QUOTES})", re.IGNORECASE
        )

    def is_secret(self, name: str) -> bool:
        """Whether a setting or argument of this name has a secret value."""
        return self._name.search(name) is not None

    def settings(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Settings without the values of secrets."""
        return {name: self._value(name, value) for name, value in settings.items()}

    def arguments(self, arguments: Iterable[str]) -> list[str]:
        """Arguments of a program without secrets: ``--password X`` and ``--password=X``."""
        return [shown for shown, _ in self._arguments(arguments)]

    def text(self, text: str, secrets: Iterable[str] = ()) -> str:
        """Text without the secrets that are assigned in it (``'password' = 'x'``, ``--token x``, ``user:x@host``).

        :param secrets: values to remove wherever they occur.
        """
        for secret in secrets:
            text = text.replace(secret, REDACTED)
        text = _SCHEME.sub(rf"\g<before>{REDACTED}", text)
        if self.is_secret(text):
            for assignment in self._assignments:
                text = assignment.sub(_without_value, text)
        return _ADDRESS.sub(rf"\g<before>{REDACTED}", text) if "://" in text else text

    def sql(self, text: str, secrets: Iterable[str] = ()) -> str:
        """SQL without secrets: those that :meth:`text` knows, ``OPTIONS (password 'x')`` and ``SET x.secret = y z``.

        :param secrets: values to remove wherever they occur.
        """
        if self.is_secret(text):
            for assignment in self._sql_assignments:
                text = assignment.sub(_without_value, text)
        return self.text(text, secrets)

    def secrets_in_sql(self, text: str) -> tuple[str, ...]:
        """The secret values that SQL sets, the longest first; those too short to search for are left out."""
        if not self.is_secret(text):
            return ()
        found = {_unquoted(each["value"]) for each in self._sql_assignments[0].finditer(text)}
        found |= {_unquoted(each["value"]) for each in self._sql_property.finditer(text)}
        return tuple(sorted((it for it in found if len(it) >= _SHORTEST), key=len, reverse=True))

    def json(self, value: Any, name: str = "") -> Any:
        """A JSON value without secrets, however deep they are.

        :param name: the name of the value, if it has one; one called ``sql`` is SQL.
        """
        if isinstance(value, Mapping):
            return self.fields(value)
        if isinstance(value, (list, tuple)):
            if all(isinstance(item, str) for item in value):
                return self.arguments(value)
            return [self.json(item, name) for item in value]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._value(name, value)
        return REDACTED if self.is_secret(name) else value

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a JSON object without secrets."""
        return {name: self.json(value, name) for name, value in fields.items()}

    def secrets_in(self, settings: Mapping[str, str], arguments: Iterable[str] = ()) -> tuple[str, ...]:
        """The secret values, the longest first; those too short to search for are left out."""
        found = {value for name, value in settings.items() if self.is_secret(name)}
        found |= {secret for _, secret in self._arguments(arguments)}
        return tuple(sorted((it for it in found if len(it) >= _SHORTEST), key=len, reverse=True))

    def _value(self, name: str, value: str) -> str:
        if name == "sql":
            return self.sql(value)
        return REDACTED if value and self.is_secret(name) else self.text(value)

    def _arguments(self, arguments: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Each argument as it may be shown, and the secret that it contains or is."""
        is_value = False
        for argument in arguments:
            name, assigns, value = argument.partition("=")
            is_flag = name.startswith("-") and self.is_secret(name)
            if is_value and not argument.startswith("--"):
                yield REDACTED, argument
            elif is_flag and assigns:
                yield f"{name}={REDACTED}", value
            else:
                yield self.text(argument), ""
            is_value = is_flag and not assigns


def _without_value(found: re.Match[str]) -> str:
    value = found["value"]
    mark = re.match(r"\\*['\"]?", value)
    quote = mark[0] if mark else ""
    return f"{found['before']}{quote}{REDACTED}{quote}"


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1].replace("''", "'") if value[:1] in ("'", '"') else value


class _InForce:
    """The redaction of this process, which a connection may extend."""

    redaction = Redaction()


def redaction() -> Redaction:
    """The redaction that is in force in this process."""
    return _InForce.redaction


def count_as_secret(more: str) -> None:
    """Count more names as secrets in this process from now on.

    :param more: a regular expression; empty means only the package's own names.
    :raises ValueError: it is not a regular expression.
    """
    if more != _InForce.redaction.more:
        _InForce.redaction = Redaction(more)

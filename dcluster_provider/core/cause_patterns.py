"""Texts by which a cause is known: the form of every table of them, whoever says the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from dcluster_provider.core.diagnosis import Diagnosis, DiagnosisCode

_MAX_WIDTH = 300
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # what colours a terminal
_NOT_PRINTED = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")


def short(line: str) -> str:
    """A line as evidence: not too long, and without what no terminal, page or database takes."""
    line = _NOT_PRINTED.sub("\N{REPLACEMENT CHARACTER}", _ESCAPE.sub("", line.rstrip()))
    return line if len(line) <= _MAX_WIDTH else line[: _MAX_WIDTH - 3] + "..."


@dataclass(frozen=True)
class CausePattern:
    """A row of a table: a text by which a cause is known.

    :param code: of the cause.
    :param pattern: a regular expression, searched in the text.
    :param cause: a sentence, in which ``{0}`` stands for the first group of the pattern that was found, and a name for
        a group of that name or for what whoever reads the table knows.
    :param remedy: the same.
    """

    code: DiagnosisCode
    pattern: str
    cause: str
    remedy: str

    def search(self, text: str, **words: str) -> KnownCause | None:
        """The cause that a text tells by this pattern; none when it does not.

        :param words: by the names that the sentences of the table have.
        """
        found = self._compiled.search(text)
        if found is None:
            return None
        groups = [_word(group) for group in found.groups() if group is not None]
        words |= {name: _word(group or "") for name, group in found.groupdict().items()}
        cause, remedy = (each.format(*groups, **words) for each in (self.cause, self.remedy))
        return KnownCause(self.code, cause, remedy, text)

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern)


@dataclass(frozen=True)
class KnownCause:
    """The cause that a text tells.

    :param text: the text.
    """

    code: DiagnosisCode
    cause: str
    remedy: str
    text: str

    def diagnosis(self, evidence: Sequence[str], *, subject: str = "") -> Diagnosis:
        """The cause as a diagnosis.

        :param subject: what the cause is of, in words before its sentence.
        """
        return Diagnosis(self.code, f"{subject}{self.cause}", self.remedy, tuple(evidence))


def first_cause(rows: Iterable[CausePattern], text: str, **words: str) -> KnownCause | None:
    """The cause by the first row of a table that finds one in a text; none when no row does.

    :param words: by the names that the sentences of the table have.
    """
    return next((known for row in rows if (known := row.search(text, **words)) is not None), None)


def resolve_cause(rows: Iterable[CausePattern], text: str, **words: str) -> KnownCause:
    """The same by a table whose last row fits every text."""
    known = first_cause(rows, text, **words)
    assert known is not None
    return known


def _word(group: str) -> str:
    return short(group).strip().rstrip(".")

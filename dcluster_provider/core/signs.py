"""What lines of a log say of a cause: the form of the tables of log patterns, and how they are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from dcluster_provider.core.diagnosis_codes import DiagnosisCode

_MAX_WIDTH = 300
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # what colours a terminal
_NOT_PRINTED = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")


def short(line: str) -> str:
    """A line as evidence: not too long, and without what no terminal, page or database takes."""
    line = _NOT_PRINTED.sub("\N{REPLACEMENT CHARACTER}", _ESCAPE.sub("", line.rstrip()))
    return line if len(line) <= _MAX_WIDTH else line[: _MAX_WIDTH - 3] + "..."


@dataclass(frozen=True)
class Sign:
    """A line that tells a cause.

    :param code: of the cause.
    :param pattern: searched in a line.
    :param cause: a sentence, in which ``{0}`` stands for the first group of the pattern that was found.
    :param remedy: the same.
    :param anywhere: the line is never harmless, so it tells the cause even outside the failure that ended the process.
    :param decides: whatever fails after such a line fails because of it.
    """

    code: DiagnosisCode
    pattern: str
    cause: str
    remedy: str
    anywhere: bool = False
    decides: bool = False

    def search(self, line: str) -> KnownCause | None:
        """The cause that a line tells by this pattern; none when it does not."""
        found = self._compiled.search(line)
        if found is None:
            return None
        groups = [short(group).strip().rstrip(".") for group in found.groups() if group is not None]
        return KnownCause(self.code, self.cause.format(*groups), self.remedy.format(*groups), line)

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern)


@dataclass(frozen=True)
class KnownCause:
    """The cause that a line tells.

    :param line: the line.
    """

    code: DiagnosisCode
    cause: str
    remedy: str
    line: str

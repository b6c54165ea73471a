"""The report of a maintenance run: what it checked, did and left."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

_MAX_LINES = 1000  # of each kind; more are only counted, to bound the report


@dataclass(frozen=True)
class ReportLine:
    """One action of a run, or one thing that it left as it is.

    :param what: the action (``ended``, ``stopped``, ``removed`` ...), or ``left``.
    :param subject: the cluster or job.
    :param why: the reason, in words.
    """

    what: str
    subject: str
    why: str

    def as_json(self) -> dict[str, str]:
        """The line as a JSON object with the keys ``what``, ``subject`` and ``why``."""
        return {"what": self.what, "subject": self.subject, "why": self.why}


@dataclass(frozen=True)
class MaintenanceReport:
    """What a maintenance run checked, did and left.

    :param title: the kind of run.
    :param dry_run: nothing was changed; ``done`` is what would have been done.
    :param checked: how many were checked, by what they are.
    :param done: how many actions were taken, by kind.
    :param left: how many things were left that a person may have to handle.
    :param lines: one for each action and each thing left, at most 1,000 of each kind.
    """

    title: str
    dry_run: bool
    checked: dict[str, int]
    done: dict[str, int]
    left: int
    lines: tuple[ReportLine, ...]

    def as_json(self) -> dict[str, Any]:
        """The report as a JSON object with camelCase keys."""
        return {
            "title": self.title,
            "dryRun": self.dry_run,
            "checked": self.checked,
            "done": self.done,
            "left": self.left,
            "lines": [line.as_json() for line in self.lines],
        }

    def __str__(self) -> str:
        rows = [("WHAT", "SUBJECT", "WHY"), *((line.what, line.subject, line.why) for line in self.lines)]
        first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
        table = [f"{row[0]:<{first}}  {row[1]:<{second}}  {row[2]}" for row in rows] if self.lines else []
        return "\n".join([self.summary(), *table])

    def summary(self) -> str:
        """The counts of the report in one line."""
        checked = ", ".join(f"{count} {what}" for what, count in self.checked.items()) or "nothing"
        done = ", ".join(f"{count} {what}" for what, count in self.done.items()) or "nothing"
        mode = " (dry run: nothing was changed)" if self.dry_run else ""
        return f"{self.title}{mode}: checked {checked}; done {done}; left {self.left}"


@dataclass
class Notes:
    """Collects what becomes the report of a run."""

    title: str
    dry_run: bool
    _checked: Counter[str] = field(default_factory=Counter)
    _done: Counter[str] = field(default_factory=Counter)
    _left: int = 0
    _lines: list[ReportLine] = field(default_factory=list)
    _left_lines: list[ReportLine] = field(default_factory=list)

    def count(self, what: str, number: int) -> None:
        """Add to the number of things checked."""
        self._checked[what] += number

    def did(self, what: str, subject: object, why: object) -> None:
        """Note an action that was taken, or that a dry run would have taken."""
        self._done[what] += 1
        if len(self._lines) < _MAX_LINES:
            self._lines.append(ReportLine(what, str(subject), str(why)))

    def left(self, subject: object, why: object) -> None:
        """Note something that was left as it is."""
        self._left += 1
        if len(self._left_lines) < _MAX_LINES:
            self._left_lines.append(ReportLine("left", str(subject), str(why)))

    def report(self) -> MaintenanceReport:
        """The report of what was noted so far."""
        lines = (*self._lines, *self._left_lines)
        return MaintenanceReport(
            self.title, self.dry_run, dict(self._checked), dict(self._done), self._left, lines
        )

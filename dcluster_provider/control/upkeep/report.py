"""What a pass of upkeep has seen, done and left."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

_MAX_LINES = 1000  # of each kind; what is beyond is counted, so that a report stays a report


@dataclass(frozen=True)
class Line:
    """One thing that was done, or left as it is.

    :param what: ``ended``, ``stopped``, ``removed`` ... for what was done; ``left`` for what was not.
    :param subject: the cluster or job.
    :param why: the reason.
    """

    what: str
    subject: str
    why: str

    def as_json(self) -> dict[str, str]:
        """The line as a JSON object."""
        return {"what": self.what, "subject": self.subject, "why": self.why}


@dataclass(frozen=True)
class Report:
    """What a pass has seen, done and left.

    :param title: what kind of pass it was.
    :param dry_run: nothing was changed; what would have been done is told as done.
    :param seen: how many of what was looked at.
    :param done: how many things were done, by what was done.
    :param left: how many things were left that a person may want to know of.
    :param lines: one for each thing done or left; at most 1,000 of each kind.
    """

    title: str
    dry_run: bool
    seen: dict[str, int]
    done: dict[str, int]
    left: int
    lines: tuple[Line, ...]

    def as_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "title": self.title,
            "dryRun": self.dry_run,
            "seen": self.seen,
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
        """The counts, in a line."""
        seen = ", ".join(f"{count} {what}" for what, count in self.seen.items()) or "nothing"
        done = ", ".join(f"{count} {what}" for what, count in self.done.items()) or "nothing"
        mode = " (dry run: nothing was changed)" if self.dry_run else ""
        return f"{self.title}{mode}: seen {seen}; done {done}; left {self.left}"


@dataclass
class Notes:
    """What becomes a report."""

    title: str
    dry_run: bool
    _seen: Counter[str] = field(default_factory=Counter)
    _done: Counter[str] = field(default_factory=Counter)
    _left: int = 0
    _lines: list[Line] = field(default_factory=list)
    _left_lines: list[Line] = field(default_factory=list)

    def saw(self, what: str, count: int) -> None:
        """Count what was looked at."""
        self._seen[what] += count

    def did(self, what: str, subject: object, why: object) -> None:
        """Note what was done, or would have been."""
        self._done[what] += 1
        if len(self._lines) < _MAX_LINES:
            self._lines.append(Line(what, str(subject), str(why)))

    def left(self, subject: object, why: object) -> None:
        """Note what was left."""
        self._left += 1
        if len(self._left_lines) < _MAX_LINES:
            self._left_lines.append(Line("left", str(subject), str(why)))

    def report(self) -> Report:
        """What was noted so far."""
        lines = (*self._lines, *self._left_lines)
        return Report(self.title, self.dry_run, dict(self._seen), dict(self._done), self._left, lines)

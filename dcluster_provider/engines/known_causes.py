"""Known causes of failures, found in their lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dcluster_provider.core.cause_patterns import KnownCause
from dcluster_provider.engines.application_log_patterns import APPLICATION_PATTERNS
from dcluster_provider.engines.flink.log_patterns import FLINK_PATTERNS, SQL_PATTERNS
from dcluster_provider.engines.log_patterns import PROCESS_PATTERNS, LogPattern
from dcluster_provider.engines.root_cause import Failure
from dcluster_provider.engines.spark.log_patterns import SPARK_PATTERNS

PATTERNS = (*FLINK_PATTERNS, *SPARK_PATTERNS, *PROCESS_PATTERNS, *APPLICATION_PATTERNS, *SQL_PATTERNS)
_ANYWHERE = tuple(each for each in PATTERNS if each.anywhere)
_DECIDING = tuple(each for each in PATTERNS if each.decides)


def cause_of_failure(failure: Failure) -> KnownCause | None:
    """The known cause of a failure: of its root, or else of what is nearest to that."""
    lines = (failure.root, *reversed(failure.headings))
    return _first(lines, PATTERNS) or cause_anywhere(failure.lines)


def cause_that_decides(lines: Iterable[str]) -> KnownCause | None:
    """The known cause of which a line tells after which nothing else counts."""
    return _first(lines, _DECIDING)


def cause_anywhere(lines: Iterable[str]) -> KnownCause | None:
    """The known cause of which the first line tells that is never harmless."""
    return _first(lines, _ANYWHERE)


def _first(lines: Iterable[str], patterns: Sequence[LogPattern]) -> KnownCause | None:
    """The cause that the first line tells which tells one, in the words of the line that says most of it."""
    found = [(number, known) for line in lines for number, known in _search(line, patterns)]
    if not found:
        return None
    code = found[0][1].code
    return min((each for each in found if each[1].code == code), key=lambda each: each[0])[1]


def _search(line: str, patterns: Sequence[LogPattern]) -> Iterator[tuple[int, KnownCause]]:
    for number, pattern in enumerate(patterns):
        known = pattern.search(line)
        if known is not None:
            yield number, known

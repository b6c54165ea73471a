"""Why a process of an engine ended, read from its exit code and from the known causes in its log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from dcluster_provider.core.cause_patterns import KnownCause, short
from dcluster_provider.core.diagnosis import Diagnosis, ProcessCode
from dcluster_provider.engines.application_log_patterns import APPLICATION_PATTERNS, ApplicationCode
from dcluster_provider.engines.flink.log_patterns import FLINK_PATTERNS
from dcluster_provider.engines.log_patterns import PROCESS_PATTERNS, LogPattern
from dcluster_provider.engines.root_cause import Failure, Log
from dcluster_provider.engines.spark.log_patterns import SPARK_PATTERNS

# Frames within the archives of the engine's library.
_LIBRARY = re.compile(r'^  File "[^"]*/(?:pyspark|py4j|pyflink|cloudpickle)[\w.-]*\.zip/')
_PYTHON_TYPE = re.compile(r"^(?:pyspark|pyflink|py4j)[\w.]*: ")
_MAX_LINES = 14
_MAX_WORDS = 3  # lines of what a program said last, beside the failure that ended it
PATTERNS = (*FLINK_PATTERNS, *SPARK_PATTERNS, *PROCESS_PATTERNS, *APPLICATION_PATTERNS)
_ANYWHERE = tuple(each for each in PATTERNS if each.anywhere)
_DECIDING = tuple(each for each in PATTERNS if each.decides)


def explain_exit(what: str, code: int | None, lines: Sequence[str]) -> Diagnosis:
    """Why a process failed.

    :param what: the process in words that begin a sentence, ``The driver`` for instance.
    :param code: its exit code, minus the signal's number when a signal killed it; none when it is not known.
    :param lines: the last lines it printed, oldest first; the more, the farther back a cause is found.
    """
    log, signal = Log.of(lines), _signal_of(code)
    if signal == 9:
        return Diagnosis(
            ProcessCode.KILLED_BY_SIGNAL,
            f"{what} was killed by signal 9 (SIGKILL).",
            "When nobody killed it, the machine was short of memory: ask for less, or run it where there is more.",
            _evidence(code, log.last_words[-_MAX_LINES:]),
        )
    failure = log.failure
    known = cause_that_decides(log.lines) or (cause_of_failure(failure) if failure else None)
    known = known or cause_anywhere(log.severe)
    if known is not None:
        told = _told(failure, known.text)
        statement = failure.statement if failure else ""
        subject = f"{statement} failed: " if statement else ""
        return known.diagnosis(_evidence(code, told, _after(failure, log)), subject=subject)
    if failure is None or failure.follows:
        return _plain(what, code, signal, log)
    borne = cause_anywhere(log.lines)
    before = [f"earlier in its log: {borne.text.strip()}"] if borne else []
    return _thrown(what, code, failure, [*before, *_told(failure, failure.root)], log)


def last_words(lines: Sequence[str]) -> tuple[str, ...]:
    """What a process said of its end: the failure that ended it, or what its program printed last.

    :param lines: of its log, oldest first.
    """
    log = Log.of(lines)
    told = _told(log.failure, log.failure.root) if log.failure else log.last_words[-_MAX_LINES:]
    return tuple(short(line) for line in told)


def _thrown(what: str, code: int | None, failure: Failure, told: Sequence[str], log: Log) -> Diagnosis:
    root = short(failure.root.strip())
    evidence = _evidence(code, told, _after(failure, log))
    if failure.statement:
        return Diagnosis(
            ApplicationCode.SQL_STATEMENT_FAILED,
            f"{failure.statement} failed: {_PYTHON_TYPE.sub('', root)}",
            "Correct the statement, or what it needs; the job's log has the whole error.",
            evidence,
        )
    if failure.tracebacks:
        return Diagnosis(
            ProcessCode.PYTHON_EXCEPTION,
            f"{what} ended with a Python exception: {root}",
            "Correct the application; the traceback is in the job's log.",
            evidence,
        )
    return Diagnosis(
        ProcessCode.JAVA_EXCEPTION,
        f"{what} ended with a Java exception: {root}",
        "Correct the application or its settings; the stack trace is in the log.",
        evidence,
    )


def _plain(what: str, code: int | None, signal: int | None, log: Log) -> Diagnosis:
    if signal is not None:
        return Diagnosis(
            ProcessCode.KILLED_BY_SIGNAL,
            f"{what} was killed by signal {signal}.",
            "Find out who ended it, then run it again.",
            _evidence(code, log.last_words[-_MAX_LINES:]),
        )
    ending = "in an unknown way" if code is None else f"with exit code {code}"
    evidence = _evidence(code, log.said[-_MAX_LINES:])
    if not log.printed:
        return Diagnosis(ProcessCode.EXIT_CODE, f"{what} ended {ending}.", "Read its log.", evidence)
    return Diagnosis(
        ProcessCode.EXIT_CODE,
        f"{what} ended {ending}. It printed last: {short(log.printed[-1].strip())}",
        "Read its log when that does not say why.",
        evidence,
    )


def _after(failure: Failure | None, log: Log) -> tuple[str, ...]:
    """What the program printed after the failure that ended it."""
    return log.printed_since(failure.end if failure else 0)[-_MAX_WORDS:]


def _told(failure: Failure | None, telling: str) -> list[str]:
    """What is shown of a failure: the traceback that ends with its root, or the errors that its stack traces name.

    :param telling: the line that tells the cause, which is shown in any case.
    """
    shown: list[str] = []
    if failure is not None:
        whole = [block for block in failure.tracebacks if block[-1] == failure.root]
        if whole:
            shown = _middle_out(_own_frames(whole[-1]))
        else:
            frames = failure.tracebacks[0][:-1] if failure.tracebacks else ()
            shown = [*_middle_out(_own_frames(frames)), *dict.fromkeys(failure.headings)]
    if any(telling in line for line in shown):
        return shown
    return [telling, *(line for line in shown if line not in telling)]


def _own_frames(traceback: Sequence[str]) -> list[str]:
    """A traceback without what is within the engine's library."""
    shown, is_own = [], True
    for line in traceback:
        if not line.startswith("    "):
            is_own = not _LIBRARY.search(line)
        if is_own:
            shown.append(line)
    return shown


def _signal_of(code: int | None) -> int | None:
    """The signal that an exit code means, directly or as a shell and a container report it."""
    if code is None:
        return None
    if code < 0:
        return -code
    return code - 128 if code in (137, 143, 134, 139) else None


def _evidence(code: int | None, told: Sequence[str], last: Sequence[str] = ()) -> tuple[str, ...]:
    """The exit code, what tells the cause, and what the program printed after that."""
    lines = [] if code is None else [f"exit code {code}"]
    lines += [short(line) for line in told]
    after = [short(line) for line in last]
    return (*lines, *(line for line in after if line not in lines))


def _middle_out(lines: Sequence[str]) -> list[str]:
    if len(lines) <= _MAX_LINES:
        return list(lines)
    half = _MAX_LINES // 2
    return [*lines[:half], f"... {len(lines) - 2 * half} lines left out ...", *lines[-half:]]


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

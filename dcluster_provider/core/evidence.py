"""Why a process of an engine ended, read from its exit code and its last log lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from dcluster_provider.core.diagnosis import Diagnosis

_MOST_LINES = 14
_MOST_WIDTH = 300

_Explain = Callable[[re.Match[str]], tuple[str, str, str]]


@dataclass(frozen=True)
class _Sign:
    """A line that tells the cause.

    :param pattern: searched in each line.
    :param explain: reason, cause and remedy.
    """

    pattern: re.Pattern[str]
    explain: _Explain


def _sign(pattern: str, explain: _Explain) -> _Sign:
    return _Sign(re.compile(pattern), explain)


# The first sign that is found in any line decides, so causes stand before what follows from them.
_SIGNS = (
    _sign(
        r"No space left on device|There is not enough space on the disk",
        lambda _: (
            "DiskFull",
            "A disk that it writes to is full.",
            "Free space or give the cluster a larger disk, then run it again.",
        ),
    ),
    _sign(
        r"SQL statement failed: (.+)",
        lambda found: (
            "SqlStatementFailed",
            f"A SQL statement failed: {_short(found[1])}",
            "Correct the statement; the log shows it with its line.",
        ),
    ),
    _sign(
        r"BindException|Address already in use|Could not start rest endpoint on any port",
        lambda _: (
            "PortTaken",
            "A port that it has to listen on is taken by another process.",
            "End the process that holds the port or choose another port, then run it again.",
        ),
    ),
    _sign(
        r"OutOfMemoryError: (.+)",
        lambda found: (
            "OutOfMemory",
            f"Its Java ran out of memory ({_short(found[1])}).",
            "Give it more memory (driverMemGb for a driver, workerMemGb or workerMemory for a worker).",
        ),
    ),
    _sign(
        r"(?:Failed to load class|entry point class|Error: class not found:?|Could not find or load main class)"
        r"\s*['\"]?([\w.$]+)",
        lambda found: (
            "MainClassMissing",
            f"The application has no class {found[1].rstrip('.')}.",
            "Correct mainClass: it has to be the full name of a class in the jar.",
        ),
    ),
    _sign(
        r"(?:can't open file|[Pp]ython file does not exist[: ]*|JAR file does not exist[: ]*) ?"
        r"'?([^'\s]+)",
        lambda found: (
            "ApplicationFileMissing",
            f"The application file {found[1]} does not exist.",
            "Correct application to a file that is there.",
        ),
    ),
    _sign(
        r"Master removed our application: FAILED",
        lambda _: (
            "ExecutorsFailed",
            "The executors of the job failed one after the other, so the Spark master gave it up.",
            "Read the executors' lines, correct what they complain of, then run the job again.",
        ),
    ),
    _sign(
        r"All masters are unresponsive|Master removed our application",
        lambda _: (
            "MasterLost",
            "The driver could not reach the Spark master.",
            "Find out why the cluster's master ended (its log), then run the job again.",
        ),
    ),
    _sign(
        r'Cannot run program "([^"]+)"',
        lambda found: (
            "ProgramMissing",
            f"The program {found[1]} cannot be executed.",
            "Install it, or correct the setting that names it.",
        ),
    ),
)
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):\s*$")
_PYTHON_ERROR = re.compile(r"^[A-Za-z_][\w.]*(?:: .*)?$")
_JAVA_ERROR = re.compile(
    r'^(?:Exception in thread "[^"]+" |Caused by: |: )?((?:[a-z]\w*\.)+[\w$]*(?:Exception|Error)(?:: .*)?)$'
)
_FRAME = re.compile(r"^\s+at |^\s*\.\.\. \d+ (?:more|common frames omitted)$")
_STAGE = re.compile(r"Job aborted due to stage failure: (.+)")


def explain_exit(what: str, code: int | None, lines: Sequence[str]) -> Diagnosis:
    """Why a process failed.

    :param what: the process in words that begin a sentence, ``The driver`` for instance.
    :param code: its exit code, minus the signal's number when a signal killed it; none when it is not known.
    :param lines: the last lines it printed, oldest first.
    """
    shown = [_short(line) for line in lines if line.strip() and not _FRAME.match(line)]
    signal = _signal_of(code)
    if signal == 9:
        return Diagnosis(
            "KilledBySignal",
            f"{what} was killed by signal 9 (SIGKILL).",
            "When nobody killed it, the machine was short of memory: ask for less, or run it where there is more.",
            _evidence(code, shown),
        )
    for sign in _SIGNS:
        for line in lines:
            found = sign.pattern.search(line)
            if found:
                reason, cause, remedy = sign.explain(found)
                return Diagnosis(reason, cause, remedy, _evidence(code, shown, _short(line)))
    return _exception(what, code, lines, shown) or _plain(what, code, signal, shown)


def _exception(what: str, code: int | None, lines: Sequence[str], shown: list[str]) -> Diagnosis | None:
    traceback = _last_traceback(lines)
    if traceback:
        return Diagnosis(
            "PythonException",
            f"{what} ended with a Python exception: {_short(traceback[-1].strip())}",
            "Correct the application; the traceback is in the job's log.",
            (*_exit_line(code), *(_short(line) for line in _middle_out(traceback))),
        )
    thrown = _last_thrown(lines)
    if thrown:
        return Diagnosis(
            "JavaException",
            f"{what} ended with a Java exception: {_short(thrown)}",
            "Correct the application or its settings; the stack trace is in the log.",
            _evidence(code, shown, _short(thrown)),
        )
    return None


def _last_traceback(lines: Sequence[str]) -> list[str]:
    """The last Python traceback that tells a cause of its own, not only that Java failed."""
    starts = [number for number, line in enumerate(lines) if _TRACEBACK.search(line)]
    blocks = [_block(lines[number:]) for number in starts]
    telling = [block for block in blocks if "Py4JJavaError" not in block[-1]]
    if telling:
        return telling[-1]
    if not blocks:
        return []
    stack = _stack(lines[starts[-1] + len(blocks[-1]) :])
    stage = next((found[1] for line in lines if (found := _STAGE.search(line))), None)
    return [*blocks[-1][:-1], stage or _last_thrown(stack) or blocks[-1][-1]]


def _block(lines: Sequence[str]) -> list[str]:
    """A traceback: its first line up to the line of the exception."""
    block = [lines[0]]
    for line in lines[1:]:
        block.append(line)
        if line and not line[0].isspace() and _PYTHON_ERROR.match(line):
            break
    return block


def _stack(lines: Sequence[str]) -> list[str]:
    """The Java stack trace at the beginning of lines."""
    return list(takewhile(lambda line: _JAVA_ERROR.match(line.strip()) or _FRAME.match(line), lines))


def _last_thrown(lines: Sequence[str]) -> str | None:
    """The last Java exception, which within one stack trace is the innermost cause."""
    found = [match[1] for line in lines if (match := _JAVA_ERROR.match(line.strip()))]
    return found[-1] if found else None


def _plain(what: str, code: int | None, signal: int | None, shown: list[str]) -> Diagnosis:
    if signal is not None:
        return Diagnosis(
            "KilledBySignal",
            f"{what} was killed by signal {signal}.",
            "Find out who ended it, then run it again.",
            _evidence(code, shown),
        )
    ending = "in an unknown way" if code is None else f"with exit code {code}"
    return Diagnosis("ExitCode", f"{what} ended {ending}.", "Read its log.", _evidence(code, shown))


def _signal_of(code: int | None) -> int | None:
    """The signal that an exit code means, directly or as a shell and a container report it."""
    if code is None:
        return None
    if code < 0:
        return -code
    return code - 128 if code in (137, 143, 134, 139) else None


def _evidence(code: int | None, shown: list[str], telling: str = "") -> tuple[str, ...]:
    last = shown[-_MOST_LINES:]
    lead = [telling] if telling and telling not in last else []
    return (*_exit_line(code), *lead, *last)


def _exit_line(code: int | None) -> list[str]:
    return [] if code is None else [f"exit code {code}"]


def _middle_out(lines: list[str]) -> list[str]:
    if len(lines) <= _MOST_LINES:
        return lines
    half = _MOST_LINES // 2
    return [*lines[:half], f"... {len(lines) - 2 * half} lines left out ...", *lines[-half:]]


def _short(line: str) -> str:
    line = line.rstrip()
    return line if len(line) <= _MOST_WIDTH else line[: _MOST_WIDTH - 3] + "..."

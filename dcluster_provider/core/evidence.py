"""Why a process of an engine ended, read from its exit code and its last log lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.signs import SIGNS, short

_MOST_LINES = 14

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
    shown = [short(line) for line in lines if line.strip() and not _FRAME.match(line)]
    signal = _signal_of(code)
    if signal == 9:
        return Diagnosis(
            "KilledBySignal",
            f"{what} was killed by signal 9 (SIGKILL).",
            "When nobody killed it, the machine was short of memory: ask for less, or run it where there is more.",
            _evidence(code, shown),
        )
    for sign in SIGNS:
        for line in lines:
            found = sign.pattern.search(line)
            if found:
                reason, cause, remedy = sign.explain(found)
                return Diagnosis(reason, cause, remedy, _evidence(code, shown, short(line)))
    return _exception(what, code, lines, shown) or _plain(what, code, signal, shown)


def _exception(what: str, code: int | None, lines: Sequence[str], shown: list[str]) -> Diagnosis | None:
    traceback = _last_traceback(lines)
    if traceback:
        return Diagnosis(
            "PythonException",
            f"{what} ended with a Python exception: {short(traceback[-1].strip())}",
            "Correct the application; the traceback is in the job's log.",
            (*_exit_line(code), *(short(line) for line in _middle_out(traceback))),
        )
    thrown = _last_thrown(lines)
    if thrown:
        return Diagnosis(
            "JavaException",
            f"{what} ended with a Java exception: {short(thrown)}",
            "Correct the application or its settings; the stack trace is in the log.",
            _evidence(code, shown, short(thrown)),
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

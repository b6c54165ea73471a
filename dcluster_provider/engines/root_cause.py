"""The failure that a log ends with, wherever it stands in it.

What comes last in a log is seldom the cause: engines go on to log how they shut down, and every layer wraps the error
of the one below. A log is therefore read as a row of failures, each a stack trace with the causes within, and the one
that ended the process is chosen; its root is its innermost cause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

_MAX_LINE = 2000  # characters that are read of a line
_MAX_LOG = 10_000  # lines that are read of a log, its last ones
_MAX_LINES = 5000  # of one failure

_LOGGED = re.compile(
    r"^(?:\[?\d[\dTZ:.,/+\- ]{1,40}\]? +)?(?:\[[^\]]{0,100}\] +)?"
    r"(TRACE|DEBUG|INFO|WARN|ERROR|FATAL|CRITICAL)(?:ING)?(?: +|:[\w.]+:)(.*)"
)
_STATEMENT = re.compile(r'^  File "([^"]+)", line (\d+), in statement (\d+)$')
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):\s*$")
_PYTHON_ERROR = re.compile(r"^[A-Za-z_][\w.]*(?::(?: .*)?)?$")
_JAVA_ERROR = re.compile(r"(?:[a-z]\w*\.)+[\w$]*(?:Exception|Error|Throwable|Failure)\b.*")
_THREAD = re.compile(r'^Exception in thread "[^"]*" (.+)')
_CAUSE = re.compile(r"^(?:Caused by)?: (.+)")
_FRAME = re.compile(r"^\s+at |^\s*\.\.\. \d+ (?:more|common frames omitted)")
_TASK = re.compile(
    r"(?:most recent failure: )(?:Lost task \S+ in stage \S+ \(TID \d+\) \([^)]*\): )?(.+)"
    r"|Lost task \S+ in stage \S+ \(TID \d+\) \([^)]*\): (.+)"
)
# What a traceback within a failure follows; another one begins a failure of its own.
_GOES_ON = re.compile(
    r"another exception occurred:|direct cause of the following exception:|thrown from the Python worker|"
    r"JVM stacktrace:"
)
# An error that only says that something else has ended the process, or a layer below it.
_FOLLOWS = re.compile(
    r"SparkContext (?:was|has been) shut ?down|stopped SparkContext|Python process exits with code|"
    r"SparkUserAppException|ProgramAbortException|Py4JNetworkError|Answer from Java side is empty|"
    r"Error while (?:sending|receiving)|Job \d+ cancelled (?:as part of|because)|"
    r"An error occurred while calling|^[\w.]*PythonException:\s*$"
)
# Flink closes the class loader of its RPC system while threads still use it, and tells of every one of them.
_THREAD_ENDED = re.compile(r"Thread '[^']*' produced an uncaught exception")
_CLOSED_LOADER = re.compile(
    r"(?:ClassNotFoundException|NoClassDefFoundError): (?:org[./]apache[./]pekko|scala)[./]"
)
_THREAD_DUMP = "Thread dump:"
_WORDS = re.compile(r"[A-Za-z\[(]")
_BETWEEN = (
    "Driver stacktrace",
    "JVM stacktrace",
    "End of exception",
)  # lines between two parts of one failure
_GATEWAY = re.compile(r"py4j/(?:clientserver|java_gateway)\.py")
_NO_ANSWER = re.compile(r"ConnectionRefusedError|ConnectionResetError|BrokenPipeError")
_ERRORS = ("ERROR", "FATAL", "CRITICAL")
_TELLING = ("WARN", *_ERRORS)
_NOISE = re.compile(
    r"^Setting default log level|^To adjust logging level|^Using Spark's default log4j|^SLF4J|^WARNING: |"
    r"^OpenJDK 64-Bit Server VM warning|^\[Stage \d+:|^Picked up |^#|^:: |^-+$|^\) \[duplicate |dcluster-result |"
    r'^\.$|^"[^"]*" (?:daemon )?prio=\d'
)


@dataclass(frozen=True)
class Failure:
    """One failure: a stack trace, or an error that was logged.

    :param lines: all of it.
    :param level: at which a logger told of it, so that the process went on then; empty when nobody caught it.
    :param end: the number of the line after it in the log.
    """

    lines: tuple[str, ...]
    level: str = ""
    end: int = 0

    @cached_property
    def headings(self) -> tuple[str, ...]:
        """The error and what caused it, one line each, the innermost cause last."""
        found = []
        for number, line in enumerate(self.lines):
            errors = list(_errors_in(line, is_first=number == 0))
            if errors:
                errors[-1] = " ".join([errors[-1], *_rest_of_message(self.lines[number + 1 : number + 3])])
            found += errors
        return tuple(found)

    @cached_property
    def tracebacks(self) -> tuple[tuple[str, ...], ...]:
        """Each Python traceback in it: from its first line to that of its exception."""
        starts = [number for number, line in enumerate(self.lines) if _TRACEBACK.search(line)]
        return tuple(_traceback(self.lines[number:]) for number in starts)

    @cached_property
    def statement(self) -> str:
        """The statement of a SQL text that failed, as the programs that run SQL tell of it; empty without one."""
        found = [each for line in self.lines if (each := _STATEMENT.match(line))]
        return f"Statement {found[0][3]} of {found[0][1]} (line {found[0][2]})" if found else ""

    @cached_property
    def root(self) -> str:
        """The innermost cause."""
        raised = [block[-1] for block in self.tracebacks]
        telling = [line for line in raised if not _FOLLOWS.search(line)]
        return (telling or self.headings or raised or self.lines)[-1]

    @cached_property
    def follows(self) -> bool:
        """Whether it only says that something else has ended the process."""
        if _NO_ANSWER.search(self.root) and any(_GATEWAY.search(line) for line in self.lines):
            return True
        return self.is_aftermath or bool(_FOLLOWS.search(self.root))

    @cached_property
    def is_aftermath(self) -> bool:
        """Whether it only shows the process in the middle of its end."""
        if self.lines[0].endswith(_THREAD_DUMP):
            return True
        return bool(_THREAD_ENDED.search(self.lines[0]) and _CLOSED_LOADER.search(self.root))


@dataclass(frozen=True)
class Log:
    """The end of a log.

    :param lines: its lines, oldest first; of a long one the beginning.
    """

    lines: tuple[str, ...]

    @classmethod
    def of(cls, lines: Sequence[str]) -> Log:
        """Read lines, oldest first."""
        return cls(tuple(line[:_MAX_LINE].rstrip() for line in lines[-_MAX_LOG:]))

    @cached_property
    def failures(self) -> tuple[Failure, ...]:
        """All failures in it, oldest first."""
        return tuple(_failures(self.lines))

    @cached_property
    def failure(self) -> Failure | None:
        """The failure that ended the process: the last that nobody caught, or else the last that was logged."""
        uncaught = [each for each in self.failures if not each.level]
        logged = [each for each in self.failures if each.level in _ERRORS]
        for group in (uncaught, logged):
            telling = [each for each in group if not each.follows]
            if telling:
                return telling[-1]
        return next((each for each in reversed(uncaught or logged) if not each.is_aftermath), None)

    @cached_property
    def severe(self) -> tuple[str, ...]:
        """The lines that nobody logged as borne: no warnings with their stack traces, and no progress."""
        borne = {line for failure in self.failures if failure.level == "WARN" for line in failure.lines}
        return tuple(
            line
            for line in self.lines
            if line not in borne and _level(line) not in ("TRACE", "DEBUG", "INFO")
        )

    @cached_property
    def printed(self) -> tuple[str, ...]:
        """What the program itself printed, without failures and without what its engine logged."""
        return self.printed_since(0)

    def printed_since(self, number: int) -> tuple[str, ...]:
        """What the program itself printed from a line on."""
        told = {line for failure in self.failures for line in failure.lines}
        lines = (line for line in self.lines[number:] if line.strip() and line not in told)
        return tuple(line for line in lines if not (_LOGGED.match(line) or _NOISE.search(line)))

    @cached_property
    def said(self) -> tuple[str, ...]:
        """What the program itself printed, or else what its engine logged as errors."""
        return self.printed or tuple(line for line in self.lines if _level(line) in _ERRORS)

    @cached_property
    def last_words(self) -> tuple[str, ...]:
        """What was said, or else whatever there is."""
        return self.said or tuple(line for line in self.lines if line.strip())


def _failures(lines: Sequence[str]) -> Iterator[Failure]:
    current: list[str] = []
    level = before = ""
    number = 0
    for number, line in enumerate(lines):
        logged = _level(line)
        if logged in _TELLING or (not logged and _begins(line, current, before)):
            if current:
                yield _failure(current, level, number)
            # A logger writes an exception below its message.
            current, level = [line], logged or (before if _JAVA_ERROR.match(line) else "")
        elif current and (logged or (_is_output(line, current) and not current[0].endswith(_THREAD_DUMP))):
            yield _failure(current, level, number)
            current = []
        elif current and len(current) < _MAX_LINES:
            current.append(line)
        before = logged
    if current:
        yield _failure(current, level, number + 1)


def _failure(lines: Sequence[str], level: str, end: int) -> Failure:
    """A failure that was read up to a line; what follows its last stack frame or error was printed by somebody else."""
    last = max((number for number, line in enumerate(lines, 1) if _is_of_stack(line)), default=1)
    for number, line in enumerate(lines):
        if _TRACEBACK.search(line):
            block = _traceback(lines[number:])
            after = number + len(block)
            goes_on = block[-1] != lines[after - 1]  # the message is in a line of its own
            last = max(last, after + (2 if goes_on else 0))
    return Failure(tuple(lines[:last]), level, end - len(lines) + min(last, len(lines)))


def _is_of_stack(line: str) -> bool:
    return bool(_FRAME.match(line) or _CAUSE.match(line) or _JAVA_ERROR.match(line))


def _begins(line: str, current: Sequence[str], before: str) -> bool:
    """Whether a line is the first of a failure.

    :param before: the level at which the line before it was logged.
    """
    if _TRACEBACK.match(line):
        return not _goes_on(current)
    if _THREAD.match(line):
        return True
    if line.startswith("Caused by: ") and not current:  # the log begins within a stack trace
        return True
    if not _JAVA_ERROR.match(line) or before in _TELLING:
        return False
    return not _is_in_traceback(current) and not _goes_on(current)


def _is_output(line: str, current: Sequence[str]) -> bool:
    """Whether a line that follows the frames of a stack trace is no part of it."""
    if not line or line[0].isspace() or not _FRAME.match(current[-1]):
        return False
    return not (_CAUSE.match(line) or line.startswith(_BETWEEN))


def _goes_on(current: Sequence[str]) -> bool:
    """Whether what has been read of a failure says that more of it follows."""
    before = [line for line in current[-3:] if line.strip()]
    return bool(before) and bool(_GOES_ON.search(before[-1]))


def _is_in_traceback(current: Sequence[str]) -> bool:
    """Whether the line of the exception is still to come, after the frames of a traceback."""
    for line in reversed(current):
        if _TRACEBACK.search(line):
            return True
        if line and not line[0].isspace():
            return False
    return False


def _traceback(lines: Sequence[str]) -> tuple[str, ...]:
    """A traceback: from its first line to that of the exception, with the beginning of a message that follows it."""
    block = [lines[0]]
    for number, line in enumerate(lines[1:], 1):
        block.append(line)
        if line and not line[0].isspace() and _PYTHON_ERROR.match(line):
            message = next((each for each in lines[number + 1 : number + 3] if each.strip()), "")
            if line.endswith(":") and message and not message[0].isspace():
                block[-1] = f"{line} {message}"
            break
    return tuple(block)


def _errors_in(line: str, *, is_first: bool) -> Iterator[str]:
    """The errors that a line of a stack trace names, the outer one first."""
    caused, thread = _CAUSE.match(line), _THREAD.match(line)
    text = caused[1] if caused else thread[1] if thread else line
    logged = _LOGGED.match(text)
    if logged:
        text = logged[2]
    if not (caused or thread or is_first or _JAVA_ERROR.match(line)):
        return
    if not _TRACEBACK.search(text):
        yield text
    task = _TASK.search(text)
    if task and not _TRACEBACK.search(text):
        yield task[1] or task[2]


def _rest_of_message(lines: Sequence[str]) -> list[str]:
    """The lines of a message that follow its first one, up to the stack frames."""
    rest = []
    for line in lines:
        if not _WORDS.match(line) or line.startswith(_BETWEEN):
            break
        if _is_of_stack(line) or _LOGGED.match(line) or _TRACEBACK.search(line):
            break
        rest.append(line)
    return rest


def _level(line: str) -> str:
    found = _LOGGED.match(line)
    return found[1] if found else ""

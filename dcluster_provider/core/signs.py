"""Lines of a log that tell why a process of an engine ended."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_MOST_WIDTH = 300
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # what colours a terminal
_NOT_PRINTED = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")

_Explain = Callable[[re.Match[str]], tuple[str, str, str]]


@dataclass(frozen=True)
class Sign:
    """A line that tells the cause.

    :param pattern: searched in each line.
    :param explain: reason, cause and remedy.
    """

    pattern: re.Pattern[str]
    explain: _Explain


def _sign(pattern: str, explain: _Explain) -> Sign:
    return Sign(re.compile(pattern), explain)


def short(line: str) -> str:
    """A line as evidence: not too long, and without what no terminal, page or database takes."""
    line = _NOT_PRINTED.sub("\N{REPLACEMENT CHARACTER}", _ESCAPE.sub("", line.rstrip()))
    return line if len(line) <= _MOST_WIDTH else line[: _MOST_WIDTH - 3] + "..."


# The first sign that is found in any line decides, so causes stand before what follows from them.
SIGNS = (
    _sign(
        r"No space left on device|There is not enough space on the disk",
        lambda _: (
            "DiskFull",
            "A disk that it writes to is full.",
            "Free space or give the cluster a larger disk, then run it again.",
        ),
    ),
    _sign(
        r"Cannot find (?:checkpoint or savepoint file/directory|meta data file '_metadata' in directory) '([^']+)'",
        lambda found: (
            "SavepointMissing",
            f"There is no savepoint in {found[1]}, which the job was to start from.",
            "Correct savepoint to the folder of a savepoint or retained checkpoint: it has a file _metadata in it.",
        ),
    ),
    _sign(
        r"Cannot access file system for checkpoint/savepoint path '([^']+)'",
        lambda found: (
            "SavepointUnreachable",
            f"Flink cannot reach {found[1]}, where the savepoint is that the job was to start from.",
            "Correct savepoint, or give Flink the plugin and the credentials for that file system.",
        ),
    ),
    _sign(
        r"Failed to rollback to checkpoint/savepoint (\S+)\. (.+)",
        lambda found: (
            "SavepointDoesNotFit",
            f"The job does not fit the savepoint {found[1]}: {short(found[2])}",
            "Give operators the uids that they had, or set execution.state-recovery.ignore-unclaimed-state to true.",
        ),
    ),
    _sign(
        r"Unexpected magic number\. .*savepoint",
        lambda _: (
            "SavepointUnreadable",
            "What the job was to start from is no savepoint that this Flink can read.",
            "Correct savepoint to the folder of a whole savepoint or retained checkpoint of this or an older Flink.",
        ),
    ),
    _sign(
        r"SQL statement failed: (.+)",
        lambda found: (
            "SqlStatementFailed",
            f"A SQL statement failed: {short(found[1])}",
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
            f"Its Java ran out of memory ({short(found[1])}).",
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

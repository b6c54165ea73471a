"""What exit codes and log lines say."""

from __future__ import annotations

import json
import re
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcluster_provider.engines.evidence import PATTERNS, explain_exit, last_words


def fewest_groups(parsed) -> int:
    """How many groups of a pattern take part at least when it is found."""
    number = 0
    for operator, value in parsed:
        kind = str(operator)
        if kind == "SUBPATTERN":
            number += (value[0] is not None) + fewest_groups(value[3])
        elif kind == "BRANCH":
            number += min(fewest_groups(branch) for branch in value[1])
        elif kind in {"MAX_REPEAT", "MIN_REPEAT"} and value[0]:
            number += fewest_groups(value[2])
    return number


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda each: f"{each.code}-{each.pattern[:30]}")
def test_whatever_a_pattern_is_found_by_its_sentences_have_what_they_say(pattern):
    import sre_parse  # the standard library's own reading of patterns

    said = [field for text in (pattern.cause, pattern.remedy) for _, field, _, _ in Formatter().parse(text)]
    highest = max((int(field) for field in said if field and field.isdigit()), default=-1)
    assert highest < fewest_groups(sre_parse.parse(pattern.pattern))


def test_a_taskmanager_that_shuts_down_is_a_lost_one():
    line = "org.apache.flink.util.FlinkException: The TaskExecutor is shutting down."
    assert explain_exit("The Flink job", None, [line]).code == "WorkerLost"


TRACEBACK = [
    "starting",
    "Traceback (most recent call last):",
    '  File "/etl.py", line 3, in <module>',
    "    raise ValueError('no rows')",
    "ValueError: no rows",
    "24/11/24 INFO ShutdownHookManager: Shutdown hook called",
]
TOO_LARGE = "Total size of serialized results of 3 tasks (1757.8 KiB) is bigger than spark.driver.maxResultSize (1 MiB)"
OTHER_PYTHON = "Python in worker has different version 3.13 than that in driver 3.11"
ABORTED = (
    ": org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 0.0 failed 4 times, most "
    "recent failure: "
)
LOST = "Lost task 0.3 in stage 0.0 (TID 3) (10.0.0.1 executor 0): "
STAGE = [
    "Traceback (most recent call last):",
    '  File "/etl.py", line 12, in <module>',
    "    rows.collect()",
    "py4j.protocol.Py4JJavaError: An error occurred while calling z:collect.",
    f"{ABORTED}{LOST}PythonException: Traceback (most recent call last):",
    '  File "/etl.py", line 9, in <lambda>',
    "ZeroDivisionError: division by zero",
    "",
    "\tat org.apache.spark.Executor.run(Executor.java:1)",
]
WITHOUT_CAUSE = [
    *STAGE[:4],
    f"{ABORTED}Unknown reason",
]
CLIENT = [
    "Traceback (most recent call last):",
    '  File "/etl.py", line 12, in <module>',
    "py4j.protocol.Py4JJavaError: An error occurred while calling o227.hasNext.",
    ": java.lang.RuntimeException: Failed to fetch next result",
    "\tat Etl.next(Etl.java:5)",
    "Caused by: java.lang.IllegalStateException: the innermost",
    "\t... 2 more",
    "",
    "org.apache.flink.ProgramAbortException: java.lang.RuntimeException: Python process exits with code: 1",
    "Caused by: java.lang.RuntimeException: Python process exits with code: 1",
]
FULL = "java.io.IOException: No space left on device"
LEARNT = ["24/11/24 10:00:00 WARN DiskBlockObjectWriter: java.io.IOException: No space left on device"]
FOLLOWS = [
    "Traceback (most recent call last):",
    "py4j.protocol.Py4JNetworkError: Answer from Java side is empty",
]
NOT_MAPPED = "Cannot map checkpoint/savepoint state for operator b7 to the new program"
JAVA = [
    'Exception in thread "main" org.apache.spark.SparkException: it failed',
    "\tat Etl.main(Etl.java:5)",
    "Caused by: java.lang.IllegalStateException: no rows: none at all",
    "\t... 2 more",
    "INFO done",
]

NO_CLASS = "The program's entry point class 'no.Such' was not found in the jar file."


@pytest.mark.parametrize(
    ("code", "lines", "reason", "cause"),
    [
        (
            None,
            [
                "Caused by: java.io.FileNotFoundException: Cannot find checkpoint or savepoint file/directory '/a b' on"
            ],
            "SavepointMissing",
            "There is no savepoint in /a b, which the job was to start from.",
        ),
        (
            1,
            ["Cannot find meta data file '_metadata' in directory 's3://bucket/empty'. Please try to load"],
            "SavepointMissing",
            "There is no savepoint in s3://bucket/empty,",
        ),
        (
            1,
            [
                "Caused by: java.io.IOException: Cannot access file system for checkpoint/savepoint path 's3://b/s'."
            ],
            "SavepointUnreachable",
            "Flink cannot reach s3://b/s,",
        ),
        (
            1,
            [f"Py4JJavaError: Failed to rollback to checkpoint/savepoint file:/s/savepoint-1. {NOT_MAPPED}"],
            "SavepointDoesNotFit",
            "does not fit the savepoint file:/s/savepoint-1: Cannot map checkpoint/savepoint state for operator b7",
        ),
        (
            1,
            [
                "java.io.IOException: Unexpected magic number. This can be: (1) ... a Flink 1.0 savepoint, which"
            ],
            "SavepointUnreadable",
            "is no savepoint that this Flink can read",
        ),
        (-9, TRACEBACK, "KilledBySignal", "The driver was killed by signal 9 (SIGKILL)."),
        (137, [], "KilledBySignal", "The driver was killed by signal 9 (SIGKILL)."),
        (-15, [], "KilledBySignal", "The driver was killed by signal 15."),
        (143, ["bye"], "KilledBySignal", "The driver was killed by signal 15."),
        (1, TRACEBACK, "PythonException", "ended with a Python exception: ValueError: no rows"),
        (1, STAGE, "PythonException", "ZeroDivisionError: division by zero"),
        (
            1,
            [
                *STAGE[:4],
                f"{ABORTED}{LOST}java.lang.OutOfMemoryError: Java heap space",
                "\tat a.B.c(B.java:1)",
            ],
            "OutOfMemory",
            "Executor 0 of the job ran out of memory (Java heap space).",
        ),
        (
            1,
            [
                "Traceback (most recent call last):",
                f"RuntimeError: {OTHER_PYTHON}, PySpark cannot run with different minor versions.",
            ],
            "PythonVersions",
            "The workers run Python 3.13 and the driver Python 3.11;",
        ),
        (
            1,
            ["\tat a.B.c(B.java:1)", "Caused by: java.io.IOException: cut", "\t... 2 more"],
            "JavaException",
            "cut",
        ),
        (
            None,
            [
                "org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy",
                "Caused by: java.lang.OutOfMemoryError: Java heap space. A heap space-related out-of-memory error has",
            ],
            "OutOfMemory",
            "Its Java ran out of memory (Java heap space).",
        ),
        (
            1,
            ["org.apache.spark.SparkException: Job aborted due to stage failure: " + TOO_LARGE],
            "ResultTooLarge",
            "of 3 tasks (1757.8 KiB); spark.driver.maxResultSize allows 1 MiB.",
        ),
        (1, WITHOUT_CAUSE, "PythonException", "Unknown reason"),
        (31, CLIENT, "PythonException", "java.lang.IllegalStateException: the innermost"),
        (1, JAVA, "JavaException", "java.lang.IllegalStateException: no rows: none at all"),
        (
            101,
            ["Error: Failed to load class no.Such."],
            "MainClassMissing",
            "The application has no class no.Such.",
        ),
        (
            1,
            [
                f"org.apache.flink.client.program.ProgramInvocationException: {NO_CLASS}",
                "\tat org.apache.flink.client.program.PackagedProgram.loadMainClass(PackagedProgram.java:528)",
                "Caused by: java.lang.ClassNotFoundException: no.Such",
                "\tat java.base/java.net.URLClassLoader.findClass(URLClassLoader.java:445)",
            ],
            "MainClassMissing",
            "The application has no class no.Such.",
        ),
        (
            2,
            ["python: can't open file '/etl.py': [Errno 2]"],
            "ApplicationFileMissing",
            "/etl.py does not exist",
        ),
        (1, [FULL, *TRACEBACK], "DiskFull", "is full"),
        (1, [f"24/11/24 10:00:00 ERROR Writer: {FULL}", *TRACEBACK], "DiskFull", "is full"),
        (1, [*LEARNT, *TRACEBACK], "PythonException", "ValueError: no rows"),
        (
            1,
            ["24/11/24 10:00:00 ERROR X: All masters are unresponsive! Giving up.", *TRACEBACK],
            "MasterLost",
            "reach",
        ),
        (1, [*TRACEBACK, *STAGE], "PythonException", "ZeroDivisionError: division by zero"),
        (1, [*STAGE, *TRACEBACK], "PythonException", "ValueError: no rows"),
        (1, ["java.lang.OutOfMemoryError: Java heap space"], "OutOfMemory", "(Java heap space)"),
        (1, ["java.net.BindException: Address already in use"], "PortTaken", "taken by another process"),
        (1, ['Cannot run program "python9": error=2'], "ProgramMissing", "python9 cannot be executed"),
        (
            1,
            ["ERROR: All masters are unresponsive! Giving up."],
            "MasterLost",
            "could not reach the Spark master",
        ),
        (3, ["one", "two"], "ExitCode", "The driver ended with exit code 3."),
        (None, [], "ExitCode", "The driver ended in an unknown way."),
    ],
)
def test_the_cause_is_named(code, lines, reason, cause):
    found = explain_exit("The driver", code, lines)
    assert found.code == reason
    assert cause in found.cause
    assert found.remedy.endswith(".")


def test_the_exit_code_and_the_telling_line_are_evidence_however_early_it_was():
    lines = ["java.net.BindException: Address already in use", *(f"line {number}" for number in range(500))]
    found = explain_exit("The master", 1, lines)
    assert found.evidence[:2] == ("exit code 1", lines[0])
    assert found.evidence[-1] == "line 499"
    assert len(found.evidence) < 20


def test_frames_of_java_are_no_evidence():
    assert not [
        line for line in explain_exit("The driver", 1, JAVA).evidence if "at Etl" in line or "more" in line
    ]


def test_a_long_traceback_keeps_its_beginning_and_end():
    frames = [f'  File "/etl.py", line {number}, in deeper' for number in range(400)]
    found = explain_exit("The driver", 1, [TRACEBACK[1], *frames, "RecursionError: too deep"])
    assert found.evidence[1] == TRACEBACK[1]
    assert found.evidence[-1] == "RecursionError: too deep"
    assert len(found.evidence) < 20


def test_a_line_without_end_is_cut():
    found = explain_exit("The driver", 1, ["ValueError: " + "x" * 10_000])
    assert max(map(len, found.evidence)) <= 300


def test_an_error_that_was_borne_earlier_is_evidence_only():
    found = explain_exit("The driver", 1, [*LEARNT, *TRACEBACK])
    assert found.evidence[:2] == ("exit code 1", f"earlier in its log: {LEARNT[0]}")
    assert found.evidence[-1] == "ValueError: no rows"


@pytest.mark.parametrize(
    ("level", "reason"), [("INFO", "ExitCode"), ("WARN", "ExitCode"), ("ERROR", "JavaException")]
)
def test_an_exception_that_was_logged_is_the_cause_only_as_an_error(level, reason):
    lines = [
        f"24/11/24 10:00:00 {level} Client: no answer",
        "java.io.IOException: closed",
        "\tat a.B.c(B.java:1)",
    ]
    assert explain_exit("The driver", 1, lines).code == reason


def test_what_a_program_says_when_it_ends_itself_is_the_cause_whatever_its_engine_logs_then():
    chatter = [
        f"24/11/24 10:00:0{number} INFO ShutdownHookManager: Deleting directory" for number in range(9)
    ]
    found = explain_exit("The driver", 1, [*chatter, "no orders of yesterday", *chatter])
    assert found.cause == "The driver ended with exit code 1. It printed last: no orders of yesterday"
    assert found.evidence == ("exit code 1", "no orders of yesterday")
    assert explain_exit("The driver", 1, chatter).evidence == ("exit code 1",), "shutting down is no cause"


@pytest.mark.parametrize("row", PATTERNS, ids=lambda row: f"{row.code}-{row.pattern[:20]}")
def test_every_pattern_fills_its_sentences(row):
    groups = re.compile(row.pattern).groups
    used = {int(number) for number in re.findall(r"\{(\d)\}", row.cause + row.remedy)}
    assert used <= set(range(groups))
    assert row.remedy.endswith(".")
    assert row.cause.endswith(".")


PIECES = [
    "Traceback (most recent call last):",
    'Exception in thread "main" ',
    "Caused by: ",
    ": ",
    "a.b.C",
    "\tat a.B(C.java:1)",
    "java.lang.OutOfMemoryError: ",
    "py4j.protocol.Py4JJavaError: An error occurred while calling o.x",
    "26/11/29 10:00:00 ERROR TaskSetManager: ",
    LOST,
    "Failed to rollback to checkpoint/savepoint a. ",
    "Unexpected magic number. ",
    "ExecutorLostFailure (executor 1 exited x) Reason: ",
    "[PATH_NOT_FOUND] Path does not exist: ",
    "Connection to ",
    "\n",
    "  ",
    "\x00",
    "\ud800",
    "\x1b[31m",
]


@given(
    st.lists(st.sampled_from(PIECES) | st.text(max_size=9)).map("".join), st.none() | st.integers(-20, 300)
)
def test_no_log_raises_and_every_diagnosis_can_be_kept(text, code):
    found = explain_exit("The driver", code, text.splitlines())
    kept = json.dumps(found.as_json(), ensure_ascii=False).encode()
    assert b"\x00" not in kept
    assert len(found.evidence) <= 24
    last_words(text.splitlines())


@pytest.mark.parametrize("piece", PIECES)
def test_a_line_without_end_costs_little(piece):
    assert len(explain_exit("The driver", 1, [piece * 100_000]).evidence) <= 24

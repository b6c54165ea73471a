"""What exit codes and log lines say."""

from __future__ import annotations

import pytest

from dcluster_provider.core.evidence import explain_exit

TRACEBACK = [
    "starting",
    "Traceback (most recent call last):",
    '  File "/etl.py", line 3, in <module>',
    "    raise ValueError('no rows')",
    "ValueError: no rows",
    "24/11/24 INFO ShutdownHookManager: Shutdown hook called",
]
STAGE = [
    "org.apache.SparkException: Job aborted due to stage failure: Task 0 failed: Traceback (most recent call last):",
    '  File "/etl.py", line 9, in <lambda>',
    "ZeroDivisionError: division by zero",
    "",
    "\tat org.apache.spark.Executor.run(Executor.java:1)",
    "Traceback (most recent call last):",
    '  File "/etl.py", line 12, in <module>',
    "    rows.collect()",
    "py4j.protocol.Py4JJavaError: An error occurred while calling z:collect.",
    ": org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 failed",
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
NOT_MAPPED = "Cannot map checkpoint/savepoint state for operator b7 to the new program"
JAVA = [
    'Exception in thread "main" org.apache.spark.SparkException: it failed',
    "\tat Etl.main(Etl.java:5)",
    "Caused by: java.lang.IllegalStateException: no rows: none at all",
    "\t... 2 more",
    "INFO done",
]


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
            [
                f"SQL statement failed: Failed to rollback to checkpoint/savepoint file:/s/savepoint-1. {NOT_MAPPED}"
            ],
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
        (1, STAGE[5:], "PythonException", "Task 0 failed"),
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
            ["org...: The program's entry point class 'no.Such' was not found in the jar file."],
            "MainClassMissing",
            "The application has no class no.Such.",
        ),
        (
            2,
            ["python: can't open file '/etl.py': [Errno 2]"],
            "ApplicationFileMissing",
            "/etl.py does not exist",
        ),
        (1, ["java.io.IOException: No space left on device", *TRACEBACK], "DiskFull", "is full"),
        (1, ["java.lang.OutOfMemoryError: Java heap space"], "OutOfMemory", "(Java heap space)"),
        (1, ["java.net.BindException: Address already in use"], "PortTaken", "taken by another process"),
        (1, ['Cannot run program "python9": error=2'], "ProgramMissing", "python9 cannot be executed"),
        (
            1,
            ["ERROR: All masters are unresponsive! Giving up."],
            "MasterLost",
            "could not reach the Spark master",
        ),
        (31, ["SQL statement failed: Object 't' not found"], "SqlStatementFailed", "Object 't' not found"),
        (3, ["one", "two"], "ExitCode", "The driver ended with exit code 3."),
        (None, [], "ExitCode", "The driver ended in an unknown way."),
    ],
)
def test_the_cause_is_named(code, lines, reason, cause):
    found = explain_exit("The driver", code, lines)
    assert found.reason == reason
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

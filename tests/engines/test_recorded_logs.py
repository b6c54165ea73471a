"""Logs of jobs that failed on real engines: the cause is found wherever it stands.

Each was recorded once from Spark 3.5.9 or Flink 2.3.0 on this package's platforms; runs of lines that engines log and
of stack frames are shortened, and paths of the machine are replaced.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dcluster_provider.engines.evidence import explain_exit

_FOLDER = Path(__file__).parent / "recorded"
# By what happened: exit code, reason, words of the cause, a line of evidence, words of the remedy.
HEAP, OPTIONS = "java.lang.OutOfMemoryError: Java heap space", "Java options"
ENDED = {
    "java_x_option_unknown": (
        1,
        "BadJavaOption",
        "does not know the option -Xnonsense",
        "Unrecognized",
        OPTIONS,
    ),
    "java_option_unknown": (1, "BadJavaOption", "Unrecognized VM option 'NoSuchThing=3'", "NoSuch", OPTIONS),
    "java_heap_option": (1, "BadJavaOption", "Invalid maximum heap size: -Xmx1x", "-Xmx1x", OPTIONS),
    "java_two_collectors": (1, "BadJavaOption", "Multiple garbage collectors", "Multiple", OPTIONS),
    "java_agent_missing": (1, "BadJavaOption", "manifest missing : /data/agent.jar", "agent", OPTIONS),
    "java_module_missing": (1, "BadJavaOption", "Module jdk.incubator.nothing not found", "Module", OPTIONS),
    "java_without_room": (1, "MachineMemoryFull", "less memory free", "commit_memory", "Ask for less memory"),
    "spark_heap": (1, "OutOfMemory", "ran out of memory (Java heap space)", HEAP, "driverMemGb"),
    "spark_metaspace": (
        1,
        "MetaspaceFull",
        "room for classes (Metaspace)",
        "Metaspace",
        "-XX:MaxMetaspaceSize",
    ),
    "spark_direct_memory": (
        1,
        "DirectMemoryFull",
        "out of direct memory",
        "Cannot reserve 536870912 bytes of direct buffer memory",
        "-XX:MaxDirectMemorySize",
    ),
    "spark_exits_with_text": (
        1,
        "ExitCode",
        "last: no orders of yesterday: nothing to do",
        "no orders",
        "Read its log",
    ),
    "spark_exits_with_code": (
        4,
        "ExitCode",
        "The driver ended with exit code 4.",
        "exit code 4",
        "Read its log",
    ),
    "spark_py_file_missing": (
        1,
        "PathMissing",
        "no file or folder file:/data/lib/orders_tools.py",
        "java.io.FileNotFoundException: File file:/data/lib/orders_tools.py does not exist",
        "Correct the path",
    ),
    "spark_package_missing": (
        1,
        "DependencyMissing",
        "cannot be fetched: com.example#missing;1.0.",
        "unresolved dependency: com.example#missing;1.0: not found",
        "(repositories)",
    ),
    "spark_executor_killed": (
        1,
        "ExecutorLost",
        "lost executor 3 again and again: Command exited with code 137.",
        "Task 0 in stage 0.0 failed 4 times, most recent failure: Lost task 0.3",
        "raise workerMemGb",
    ),
    "spark_python_crashed": (
        1,
        "PythonWorkerCrashed",
        "Python process",
        "exited unexpectedly",
        "native code",
    ),
    "spark_disk_full": (1, "DiskFull", "disk that it writes to is full", "OSError: [Errno 28]", "Free space"),
    "spark_module_missing": (1, "ModuleMissing", "no module orders_tools", "import orders_tools", "pyFiles"),
    "spark_module_missing_on_executors": (
        1,
        "ModuleMissing",
        "no module orders_tools",
        ", in use",
        "a package in requirements",
    ),
    "spark_task_fails": (
        1,
        "PythonException",
        "ZeroDivisionError: integer",
        ", in <lambda>",
        "Correct the appl",
    ),
    "spark_udf_fails": (
        1,
        "PythonException",
        "ZeroDivisionError: integer",
        ", in <lambda>",
        "Correct the appl",
    ),
    "spark_pandas_missing": (
        1,
        "ModuleMissing",
        "Pandas >= 1.0.5 must be installed",
        ", in pandas_udf",
        "version",
    ),
    "spark_scheme_unknown": (
        1,
        "FileSystemUnknown",
        "for gs:// addresses",
        "for scheme",
        "packages",
    ),
    "spark_s3a_missing": (
        1,
        "FileSystemUnknown",
        "fs.s3a.S3AFileSystem is missing",
        "S3AFile",
        "storageConnId",
    ),
    "spark_jdbc_driver_missing": (
        1,
        "DriverMissing",
        "JDBC driver",
        "No suitable driver",
        "packages",
    ),
    "spark_host_unknown": (1, "UnknownHost", "namenode.invalid", "UnknownHostException", "Correct the name"),
    "spark_path_missing": (
        1,
        "PathMissing",
        "file:/data/orders/2026 where",
        "[PATH_NOT_FOUND]",
        "Correct the path",
    ),
    "spark_table_missing": (
        1,
        "TableMissing",
        "no table or view `orders`",
        "[TABLE_OR_VIEW_NOT_FOUND]",
        "catalog",
    ),
    "spark_column_missing": (
        1,
        "ColumnMissing",
        "no column `amounts`",
        "following? [`amount`]",
        "evidence names",
    ),
    "spark_syntax_error": (
        1,
        "SyntaxError",
        "Syntax error at or near 'selekt'",
        "ParseException: [PARSE_SYN",
        "Correct",
    ),
    "spark_path_exists": (
        1,
        "PathExists",
        "file:/dags/orders, which exists",
        "[PATH_ALREADY_EXISTS]",
        "overwrite",
    ),
    "spark_source_missing": (
        1,
        "SourceMissing",
        "no data source iceberg",
        "DATA_SOURCE_NOT_FOUND",
        "packages",
    ),
    "spark_error_after_a_caught_one": (
        1,
        "PythonException",
        "KeyError: 'usd'",
        ", in caught",
        "Correct the appl",
    ),
    "spark_cast_fails": (
        1,
        "PythonException",
        "[CAST_INVALID_INPUT] The value 'x'",
        ", in cast",
        "Correct the appl",
    ),
    "spark_two_failures": (
        1,
        "PythonException",
        "RuntimeError: no ratios",
        ", in two",
        "Correct the application",
    ),
    "spark_size_unreadable": (
        1,
        "BadSetting",
        "has the value lots",
        "Failed to parse byte string: lots",
        "extraCmd",
    ),
    "spark_python_missing": (
        1,
        "ProgramMissing",
        "/opt/python3.12/bin/python cannot",
        "error=2",
        "Install it",
    ),
    "spark_workers_python_missing": (
        1,
        "ProgramMissing",
        "/opt/python3.12/bin/python",
        "Lost task 0.3",
        "Install it",
    ),
    "spark_main_class_missing": (
        101,
        "MainClassMissing",
        "no class com.example.Orders.",
        "Failed to load",
        "mainClass",
    ),
    "spark_jar_fails": (
        1,
        "JavaException",
        'For input string: "x"',
        "order 7 has no amount",
        "Correct the application",
    ),
    "spark_class_missing": (
        1,
        "ClassMissing",
        "com.example.Missing",
        "ClassNotFoundException",
        "Bring the jar",
    ),
    "spark_jar_task_fails": (
        1,
        "JavaException",
        "ArithmeticException: / by zero",
        "Lost task 1.3",
        "Correct the",
    ),
    "spark_jar_heap": (1, "OutOfMemory", "ran out of memory (Java heap space)", HEAP, "driverMemGb"),
    "spark_stack_overflow": (1, "StackOverflow", "ran out of stack", "StackOverflowError", "raise -Xss"),
    "kubernetes_master_setting": (
        1,
        "BadSetting",
        "spark.deploy.retainedApplications should be int, but was many.",
        "java.lang.IllegalArgumentException: spark.deploy.retainedApplications",
        "extraConfigs of the cluster",
    ),
    "kubernetes_worker_without_master": (
        1,
        "MasterLost",
        "It could not reach the Spark master.",
        "ERROR Worker: All masters are unresponsive! Giving up.",
        "why the cluster's master ended",
    ),
    "flink_slow_start": (
        1,
        "StartTimedOut",
        "A part of Flink was not ready after 10000 ms.",
        "TimeoutException: Futures timed out",
        "pekko.remote.classic.startup-timeout in env.java.opts.all",
    ),
    "pip_no_such_package": (
        1,
        "RequirementMissing",
        "the requirement orders-tools-absent==1.0",
        "No matching",
        "PIP_INDEX_URL",
    ),
    "pip_conflict": (1, "RequirementMissing", "six==1.15.0 and six==1.16.0", "conflicting", "fit each other"),
    "pip_invalid_requirement": (1, "RequirementMissing", "'!!bad'", "Invalid", "Correct requirements"),
    "pip_wheel_does_not_fit": (
        1,
        "RequirementMissing",
        "not a supported wheel",
        "win_amd64",
        "engine's Python",
    ),
    "pip_missing": (
        1,
        "RequirementMissing",
        "no pip where it runs",
        "No module",
        "image or a Python with pip",
    ),
    "spark_connection_refused": (1, "ConnectionRefused", "at localhost:9,", "Call From", "network policy"),
}


@pytest.mark.parametrize("name", ENDED)
def test_the_cause_is_found_and_shown(name):
    code, reason, cause, evidence, remedy = ENDED[name]
    lines = (_FOLDER / f"{name}.log").read_text().splitlines()
    found = explain_exit("The driver", code, lines)
    assert (found.code, cause in found.cause) == (reason, True), found.render()
    assert any(evidence in line for line in found.evidence), found.render()
    assert remedy in found.remedy
    assert found.evidence[0] == f"exit code {code}"
    assert not [line for line in found.evidence if " INFO " in line or "\tat " in line]
    assert len(found.evidence) <= 20


@pytest.mark.parametrize("name", ENDED)
def test_what_is_logged_before_and_after_changes_nothing(name):
    """Neither an error that was borne, nor a shutdown of any length."""
    code = ENDED[name][0]
    lines = (_FOLDER / f"{name}.log").read_text().splitlines()
    lost = "26/11/29 10:00:00 WARN TaskSetManager: Lost task 0.0 in stage 9.0 (TID 1) (10.0.0.1 executor 1): "
    before = [
        f"{lost}java.net.ConnectException: Connection refused",
        "\tat java.base/sun.nio.ch.Net.pollConnect(Native Method)",
    ]
    after = ["26/11/29 10:00:00 INFO ShutdownHookManager: Deleting directory /tmp/spark"] * 1000
    assert explain_exit("The driver", code, [*before, *lines, *after]) == explain_exit(
        "The driver", code, lines
    )


def test_every_recorded_log_is_told_of():
    assert {path.stem for path in _FOLDER.glob("*.log")} == set(ENDED)

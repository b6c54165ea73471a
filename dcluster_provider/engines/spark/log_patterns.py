"""Lines of a log that tell why Spark ended a job, and the codes of what goes wrong with Spark."""

from __future__ import annotations

from dcluster_provider.core.diagnosis import DiagnosisCode
from dcluster_provider.engines.application_log_patterns import ApplicationCode
from dcluster_provider.engines.log_patterns import LogCode, LogPattern

_SETTING = "Correct the setting in extraCmd of the job or extraConfigs of the cluster."


class SparkCode(DiagnosisCode):
    """What goes wrong with Spark, wherever it runs."""

    BAD_OPTION = "BadOption", "spark-submit does not know an argument."
    BAD_SETTING = "BadSetting", "A setting has a value that it cannot have."
    BROADCAST_TOO_SLOW = "BroadcastTooSlow", "A table to be sent to all executors was not ready in time."
    BUFFER_TOO_SMALL = "BufferTooSmall", "One record is too large for the serializer's buffer."
    COLUMN_MISSING = "ColumnMissing", "There is no such column."
    DEPENDENCY_MISSING = "DependencyMissing", "A Maven package cannot be fetched."
    EXECUTORS_FAILED = "ExecutorsFailed", "The executors of a job ended one after the other."
    EXECUTOR_LOST = "ExecutorLost", "The job lost an executor again and again."
    EXECUTOR_OUT_OF_MEMORY = "ExecutorOutOfMemory", "An executor ran out of memory."
    EXECUTOR_TOO_LARGE = "ExecutorTooLarge", "No worker of the cluster can ever hold an executor of the job."
    MASTER_LOST = "MasterLost", "A driver or worker could not reach the Spark master."
    MASTER_RESTARTED = "MasterRestarted", "The Spark master restarted and no longer knows the job."
    NOT_SERIALIZABLE = "NotSerializable", "The job sends something to its executors that cannot be sent."
    PYTHON_VERSIONS = "PythonVersions", "Workers and driver run different versions of Python."
    PYTHON_WORKER_CRASHED = "PythonWorkerCrashed", "The Python process of an executor crashed."
    RESULT_TOO_LARGE = "ResultTooLarge", "What a job collects at its driver is too large."
    SHUFFLE_LOST = "ShuffleLost", "Parts of a shuffle were lost with an executor."
    SOURCE_MISSING = "SourceMissing", "Spark has no such data source."
    SYNTAX_ERROR = "SyntaxError", "A SQL text cannot be parsed."
    TABLE_MISSING = "TableMissing", "There is no such table or view."


# What a driver says of its executors, whose own ends tell more.
OF_EXECUTORS = frozenset(
    {
        SparkCode.EXECUTORS_FAILED,
        SparkCode.EXECUTOR_LOST,
        SparkCode.EXECUTOR_OUT_OF_MEMORY,
        SparkCode.PYTHON_WORKER_CRASHED,
        SparkCode.SHUFFLE_LOST,
    }
)


SPARK_PATTERNS = (
    LogPattern(
        SparkCode.EXECUTORS_FAILED,
        r"Master removed our application: FAILED",
        "The executors of the job failed one after the other, so the Spark master gave it up.",
        "Read the executors' lines, correct what they complain of, then run the job again.",
        decides=True,
    ),
    LogPattern(
        SparkCode.MASTER_LOST,
        r"All masters are unresponsive|Master removed our application",
        "It could not reach the Spark master.",
        "Find out why the cluster's master ended (its log), then run the job again.",
        decides=True,
    ),
    LogPattern(
        SparkCode.RESULT_TOO_LARGE,
        r"(Total size of serialized results of \d+ tasks \([^)]*\)) is bigger than .*maxResultSize.*\(([^)]+)\)",
        "What the job collects at its driver is too large: {0}; spark.driver.maxResultSize allows {1}.",
        "Write the result to storage instead of collecting it, or raise spark.driver.maxResultSize and driverMemGb.",
    ),
    LogPattern(
        LogCode.OUT_OF_MEMORY,
        r"executor (\S+)\): java\.lang\.OutOfMemoryError: (.+)",
        "Executor {0} of the job ran out of memory ({1}).",
        "Give executors more memory (workerMemGb), or let each do less at once (more partitions, fewer cores).",
    ),
    LogPattern(
        SparkCode.EXECUTOR_OUT_OF_MEMORY,
        r"ExecutorLostFailure \(executor (\S+) exited.*(?:exit(?:ed with)? code:? 52\b|OOM|OutOfMemory)",
        "Executor {0} ran out of memory.",
        "Give executors more memory (workerMemGb), or let each do less at once (more partitions, fewer cores).",
    ),
    LogPattern(
        SparkCode.EXECUTOR_LOST,
        r"ExecutorLostFailure \(executor (\S+) exited.*?\) Reason: (.+)",
        "The job lost executor {0} again and again: {1}.",
        "Read that executor's log; when it was killed (exit code 137), it or its machine ran short of memory: raise "
        "workerMemGb.",
    ),
    LogPattern(
        SparkCode.SHUFFLE_LOST,
        r"(?:MetadataFetchFailedException|FetchFailedException|FetchFailed\(): ?(.+)",
        "Parts of a shuffle were lost with an executor: {0}.",
        "Read why the executor ended; when it ran short of memory, raise workerMemGb.",
    ),
    LogPattern(
        SparkCode.PYTHON_WORKER_CRASHED,
        r"Python worker exited unexpectedly",
        "The Python process of an executor crashed.",
        "Look for native code that crashes (a package of another version), or for too little memory: raise "
        "workerMemGb or spark.executor.pyspark.memory.",
    ),
    LogPattern(
        SparkCode.PYTHON_VERSIONS,
        r"Python in worker has (?:a )?different version:? '?\(?([\d., ]+\d)\)?'? than that in driver:? '?([\d.]*\d)",
        "The workers run Python {0} and the driver Python {1}; PySpark needs the same version.",
        "Let both run the same: PYSPARK_PYTHON and spark.pyspark.python, or the same image.",
    ),
    LogPattern(
        SparkCode.NOT_SERIALIZABLE,
        r"(Task not serializable.*|Could not serialize object.*|NotSerializableException: .+)",
        "The job sends something to its executors that cannot be sent: {0}.",
        "Make connections and sessions within the function that runs on the executors.",
    ),
    LogPattern(
        SparkCode.BUFFER_TOO_SMALL,
        r"Kryo serialization failed: (Buffer overflow.+?)(?:\. To avoid|$)",
        "One record is too large for the serializer's buffer: {0}.",
        "Raise spark.kryoserializer.buffer.max.",
    ),
    LogPattern(
        SparkCode.BROADCAST_TOO_SLOW,
        r"Could not execute broadcast in (\d+) secs",
        "A table that was to be sent to all executors was not ready within {0} s.",
        "Raise spark.sql.broadcastTimeout, or disable broadcasts by spark.sql.autoBroadcastJoinThreshold=-1.",
    ),
    LogPattern(
        SparkCode.DEPENDENCY_MISSING,
        r"unresolved dependenc(?:y|ies): \[?(?:unresolved dependency: )?([\w.#;-]+)",
        "A Maven package cannot be fetched: {0}.",
        "Correct its name and version, or let the job reach a repository that has it (repositories).",
    ),
    LogPattern(
        SparkCode.BAD_OPTION,
        r"(Unrecognized option '[^']+'|Unknown/unsupported param .+)",
        "spark-submit does not know an argument: {0}.",
        _SETTING,
    ),
    LogPattern(
        SparkCode.BAD_SETTING,
        r"[Ff]ailed to parse (?:byte|time) string: (\S+)",
        "A setting has the value {0}, which is no size and no time.",
        _SETTING,
    ),
    LogPattern(
        SparkCode.BAD_SETTING,
        r"(\S+ should be \w+, but was .+|Size must be specified as bytes.+|Time must be specified as .+|"
        r"Could not parse .+ for key .+)",
        "A setting has a value that it cannot have: {0}.",
        _SETTING,
    ),
    LogPattern(
        ApplicationCode.PATH_MISSING,
        r"\[PATH_NOT_FOUND\] Path does not exist: (\S+?)\.?(?: SQLSTATE.*)?$",
        "There is no file or folder {0} where the job runs.",
        "Correct the path, or bring the data: every worker has to see it under that path.",
    ),
    LogPattern(
        SparkCode.TABLE_MISSING,
        r"\[TABLE_OR_VIEW_NOT_FOUND\] The table or view (\S+) cannot be found|Table or view not found: ([^;]+)",
        "There is no table or view {0}.",
        "Correct its name, or the catalog and database that it is looked for in.",
    ),
    LogPattern(
        SparkCode.COLUMN_MISSING,
        r"\[UNRESOLVED_COLUMN[\w.]*\] A column(?:, variable,)? or function parameter with name (\S+) cannot",
        "There is no column {0}.",
        "Correct its name; the evidence names what there is, where the engine told it.",
    ),
    LogPattern(
        SparkCode.SYNTAX_ERROR,
        r"\[PARSE_SYNTAX_ERROR\] (.+)",
        "A SQL text is no SQL: {0}.",
        "Correct it.",
    ),
    LogPattern(
        SparkCode.SOURCE_MISSING,
        r"ClassNotFoundException: (\S+)\.DefaultSource|Failed to find the data source: (\S+?)\.(?:\s|$)",
        "Spark has no data source {0}.",
        "Bring its jar (jars or packages), or correct the name of the format.",
    ),
)

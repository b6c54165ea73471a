"""Lines of a log that tell why Flink ended a job, and the codes of what goes wrong with Flink."""

from __future__ import annotations

from dcluster_provider.core.diagnosis import DiagnosisCode
from dcluster_provider.engines.log_patterns import LogCode, LogPattern


class FlinkCode(DiagnosisCode):
    """What goes wrong with Flink, wherever it runs."""

    CONNECTOR_MISSING = "ConnectorMissing", "Flink has no such connector or format."
    JOB_MANAGER_ENDED = "JobManagerEnded", "The JobManager ended while it had the job."
    JOB_MANAGER_RESTARTED = "JobManagerRestarted", "The JobManager restarted and no longer knows the job."
    JOB_MANAGER_SILENT = "JobManagerSilent", "The JobManager of an external cluster does not answer Airflow."
    JOB_RESTARTS = "JobRestarts", "Flink restarts the job after a failure of its tasks."
    NETWORK_BUFFERS_MISSING = "NetworkBuffersMissing", "A TaskManager has too few network buffers."
    PARALLELISM_TOO_HIGH = "ParallelismTooHigh", "A job asks for more slots than its cluster has."
    SAVEPOINT_DOES_NOT_FIT = (
        "SavepointDoesNotFit",
        "The job does not fit the savepoint that it was to start from.",
    )
    SAVEPOINT_MISSING = "SavepointMissing", "There is no savepoint where the job was to start from."
    SAVEPOINT_UNREACHABLE = (
        "SavepointUnreachable",
        "Flink cannot reach the savepoint that the job was to start from.",
    )
    SAVEPOINT_UNREADABLE = (
        "SavepointUnreadable",
        "What the job was to start from is no savepoint of this Flink.",
    )
    SLOTS_MISSING = "SlotsMissing", "The cluster has fewer free slots than the job needs."
    START_TIMED_OUT = "StartTimedOut", "A process of Flink did not start in time."
    WORKER_LOST = "WorkerLost", "The job lost a TaskManager while it worked."


_READ_ITS_END = (
    "Read that TaskManager's end in the cluster's diagnosis or log: out of memory, or its machine went."
)
FLINK_PATTERNS = (
    LogPattern(
        LogCode.MAIN_CLASS_MISSING,
        r"The program's entry point class '([^']+)' was not found in the jar file",
        "The application has no class {0}.",
        "Correct mainClass: it has to be the full name of a class in the jar.",
        decides=True,  # its own cause is a ClassNotFoundException like any other
    ),
    LogPattern(
        FlinkCode.SAVEPOINT_MISSING,
        r"Cannot find (?:checkpoint or savepoint file/directory|meta data file '_metadata' in directory) '([^']+)'",
        "There is no savepoint in {0}, which the job was to start from.",
        "Correct savepoint to the folder of a savepoint or retained checkpoint: it has a file _metadata in it.",
        anywhere=True,
    ),
    LogPattern(
        FlinkCode.SAVEPOINT_UNREACHABLE,
        r"Cannot access file system for checkpoint/savepoint path '([^']+)'",
        "Flink cannot reach {0}, where the savepoint is that the job was to start from.",
        "Correct savepoint, or give Flink the plugin and the credentials for that file system.",
        anywhere=True,
    ),
    LogPattern(
        FlinkCode.SAVEPOINT_DOES_NOT_FIT,
        r"Failed to rollback to checkpoint/savepoint (\S+)\. (.+)",
        "The job does not fit the savepoint {0}: {1}.",
        "Give operators the uids that they had, or set execution.state-recovery.ignore-unclaimed-state to true.",
        anywhere=True,
    ),
    LogPattern(
        FlinkCode.SAVEPOINT_UNREADABLE,
        r"Unexpected magic number\. .*savepoint",
        "What the job was to start from is no savepoint that this Flink can read.",
        "Correct savepoint to the folder of a whole savepoint or retained checkpoint of this or an older Flink.",
        anywhere=True,
    ),
    LogPattern(
        FlinkCode.CONNECTOR_MISSING,
        r"Could not find any (?:factory for identifier|format factory for identifier) '([^']+)'",
        "Flink has no connector or format {0}.",
        "Bring its jar (pipeline.jars), or put it into the image's lib folder.",
    ),
    LogPattern(
        FlinkCode.SLOTS_MISSING,
        r"NoResourceAvailableException|Could not acquire the minimum required resources",
        "The cluster has fewer free slots than the job needs.",
        "Give the cluster more workers or cores, or the job a lower parallelism (parallelism.default).",
    ),
    LogPattern(
        FlinkCode.NETWORK_BUFFERS_MISSING,
        r"Insufficient number of network buffers: (required \d+, but only \d+ available)",
        "A TaskManager has too few network buffers: {0}.",
        "Raise taskmanager.memory.network.max and .fraction, or lower the parallelism.",
    ),
    LogPattern(
        FlinkCode.START_TIMED_OUT,
        r"TimeoutException: Futures timed out after \[(\d+) milliseconds\]$",
        "A part of Flink was not ready after {0} ms.",
        "Give the process more CPU (masterCpu, workerCpu) or a less busy machine, or raise "
        "-Dpekko.remote.classic.startup-timeout in env.java.opts.all.",
    ),
    LogPattern(
        FlinkCode.WORKER_LOST,
        r"(?:Heartbeat of )?TaskManager with id (\S+?)(?:\([^)]*\))? (?:timed out|is no longer reachable)|"
        r"Connection unexpectedly closed by remote task manager '([^']+)'|"
        r"TaskManager (\S+) (?:has )?disconnected",
        "The job lost a TaskManager while it worked ({0}).",
        _READ_ITS_END,
    ),
    LogPattern(
        FlinkCode.WORKER_LOST,
        r"The TaskExecutor is shutting down",
        "The job lost a TaskManager while it worked: it was shutting down.",
        _READ_ITS_END,
    ),
)

"""Lines of a log that tell why a process ended: their form, and those of the machine, Java and Python.

The first pattern that fits a line counts, so the special ones stand before the general.
"""

from __future__ import annotations

from dataclasses import dataclass

from dcluster_provider.core.cause_patterns import CausePattern
from dcluster_provider.core.diagnosis import DiagnosisCode

_MEMORY = "Give it more memory (driverMemGb for a driver, workerMemGb or workerMemory for a worker)"
_JVM_OPTIONS = (
    "Correct the Java options (spark.driver.extraJavaOptions, spark.executor.extraJavaOptions, "
    "env.java.opts.* of Flink)."
)


@dataclass(frozen=True)
class LogPattern(CausePattern):
    """A line of a log by which a cause is known.

    :param anywhere: the line is never harmless, so it tells the cause even outside the failure that ended the process.
    :param decides: whatever fails after such a line fails because of it.
    """

    anywhere: bool = False
    decides: bool = False


class LogCode(DiagnosisCode):
    """What a log says of the machine, of Java and of Python."""

    APPLICATION_FILE_MISSING = "ApplicationFileMissing", "The file of the application does not exist."
    BAD_JAVA_OPTION = "BadJavaOption", "Java does not start with the options that it was given."
    DIRECT_MEMORY_FULL = "DirectMemoryFull", "A Java process ran out of memory outside its heap."
    DISK_FULL = "DiskFull", "A disk that a process writes to is full."
    MACHINE_MEMORY_FULL = "MachineMemoryFull", "The machine has less free memory than Java asks for."
    MAIN_CLASS_MISSING = "MainClassMissing", "The jar has no such main class, or names none."
    METASPACE_FULL = "MetaspaceFull", "A Java process ran out of room for classes."
    OUT_OF_MEMORY = "OutOfMemory", "A Java process ran out of heap."
    PORT_TAKEN = "PortTaken", "Another process holds the port that a process has to listen on."
    PROGRAM_MISSING = "ProgramMissing", "A program cannot be executed where the job runs."
    PYTHON_OUT_OF_MEMORY = "PythonOutOfMemory", "A Python process ran out of memory."
    STACK_OVERFLOW = "StackOverflow", "Calls of a Java process are nested too deep."
    THREADS_EXHAUSTED = "ThreadsExhausted", "The system gave a Java process no further thread."


PROCESS_PATTERNS = (
    LogPattern(
        LogCode.DISK_FULL,
        r"No space left on device|There is not enough space on the disk|Disk quota exceeded",
        "A disk that it writes to is full.",
        "Free space or give the cluster a larger disk, then run it again.",
        anywhere=True,
    ),
    LogPattern(
        LogCode.PORT_TAKEN,
        r"BindException|Address already in use|Could not start rest endpoint on any port",
        "A port that it has to listen on is taken by another process.",
        "End the process that holds the port or choose another port, then run it again.",
        anywhere=True,
    ),
    LogPattern(
        LogCode.METASPACE_FULL,
        r"OutOfMemoryError: (Metaspace|Compressed class space)",
        "Its Java ran out of room for classes ({0}).",
        "Raise the limit: -XX:MaxMetaspaceSize of Spark's Java options, taskmanager.memory.jvm-metaspace.size or "
        "jobmanager.memory.jvm-metaspace.size of Flink.",
        anywhere=True,
    ),
    LogPattern(
        LogCode.DIRECT_MEMORY_FULL,
        r"OutOfMemoryError: (Direct buffer memory|Cannot reserve \d+ bytes of direct buffer memory[^.]*)"
        r"|OutOfDirectMemoryError: (.+)",
        "Its Java ran out of direct memory, which is outside the heap ({0}).",
        "Raise the limit: -XX:MaxDirectMemorySize of Spark's Java options, taskmanager.memory.task.off-heap.size or "
        "taskmanager.memory.framework.off-heap.size of Flink.",
        anywhere=True,
    ),
    LogPattern(
        LogCode.THREADS_EXHAUSTED,
        r"OutOfMemoryError: (unable to create (?:new )?native thread.*)|(pthread_create failed .+)",
        "The system gave its Java no further thread ({0}).",
        "Let it use fewer threads, or raise the limit of processes where it runs.",
        anywhere=True,
    ),
    LogPattern(
        LogCode.OUT_OF_MEMORY,
        r"OutOfMemoryError: (GC overhead limit exceeded)",
        "Its Java ran out of memory ({0}): nearly all its time went into freeing a nearly full heap.",
        _MEMORY + ".",
        anywhere=True,
    ),
    LogPattern(
        LogCode.OUT_OF_MEMORY,
        r"OutOfMemoryError: (Requested array size exceeds VM limit)",
        "Its Java ran out of memory ({0}): one value is larger than 2 GiB.",
        "Handle it in smaller pieces: more partitions, no collect of everything, shorter texts.",
        anywhere=True,
    ),
    LogPattern(
        LogCode.OUT_OF_MEMORY,
        r"OutOfMemoryError:? ?([^.]+)",  # Flink goes on with advice
        "Its Java ran out of memory ({0}).",
        _MEMORY + ", or let it keep less at once (no collect of much, smaller partitions).",
        anywhere=True,
    ),
    LogPattern(
        LogCode.MACHINE_MEMORY_FULL,
        r"There is insufficient memory for the Java Runtime|Could not reserve enough space for|"
        r"os::commit_memory\(.*\) failed|Cannot allocate memory",
        "The machine has less memory free than its Java asks for.",
        "Ask for less memory, or run it where there is more.",
        anywhere=True,
    ),
    LogPattern(
        LogCode.STACK_OVERFLOW,
        r"java\.lang\.StackOverflowError",
        "Its Java ran out of stack: calls are nested too deep.",
        "Break the recursion or a very long chain of transformations (a checkpoint helps), or raise -Xss.",
    ),
    LogPattern(
        LogCode.PYTHON_OUT_OF_MEMORY, r"^MemoryError\b", "Its Python ran out of memory.", _MEMORY + "."
    ),
    LogPattern(
        LogCode.BAD_JAVA_OPTION,
        r"Unrecognized option: (-\S+)",
        "Java does not know the option {0}.",
        _JVM_OPTIONS,
        anywhere=True,
    ),
    LogPattern(
        LogCode.BAD_JAVA_OPTION,
        r"((?:Unrecognized VM option|Improperly specified VM option|Unexpected \+/- setting in VM option|"
        r"Missing \+/- setting for VM option) .+|Invalid (?:maximum|initial) heap size: .+|"
        r"Initial heap size set to a larger value than the maximum heap size|"
        r"Multiple garbage collectors selected|Conflicting collector combinations.+|"
        r"Error opening zip file or JAR manifest missing : .+|Could not find agent library .+)",
        "Java does not start with its options: {0}.",
        _JVM_OPTIONS,
        anywhere=True,
    ),
    LogPattern(
        LogCode.BAD_JAVA_OPTION,
        r"java\.lang\.module\.\w+: (Module .+)",
        "Java does not start with its options: {0}.",
        _JVM_OPTIONS,
        anywhere=True,
    ),
    LogPattern(
        LogCode.BAD_JAVA_OPTION,
        r"Could not create the Java Virtual Machine|Error occurred during initialization of (?:VM|boot layer)",
        "Java does not start with its options.",
        _JVM_OPTIONS,
        anywhere=True,
    ),
    LogPattern(
        LogCode.MAIN_CLASS_MISSING,
        r"(?:Failed to load class|Error: class not found:?|Could not find or load main class)"
        r"\s*['\"]?([\w.$]+)",
        "The application has no class {0}.",
        "Correct mainClass: it has to be the full name of a class in the jar.",
        anywhere=True,
    ),
    LogPattern(
        LogCode.MAIN_CLASS_MISSING,
        r"No main class set in JAR|Cannot load main class from JAR|no main manifest attribute|"
        r"Neither a 'Main-Class', nor a 'program-class' entry was found",
        "The application's jar does not say which of its classes is to be run.",
        "Give mainClass: the full name of a class in the jar.",
        anywhere=True,
    ),
    LogPattern(
        LogCode.APPLICATION_FILE_MISSING,
        r"(?:can't open file|[Pp]ython file does not exist[: ]*|JAR file does not exist[: ]*|"
        r"Unable to access jarfile) ?'?([^'\s]+)",
        "The application file {0} does not exist.",
        "Correct application to a file that is there.",
        anywhere=True,
    ),
    LogPattern(
        LogCode.PROGRAM_MISSING,
        r'Cannot run program "([^"]+)"',
        "The program {0} cannot be executed.",
        "Install it, or correct the setting that names it.",
        anywhere=True,
    ),
)

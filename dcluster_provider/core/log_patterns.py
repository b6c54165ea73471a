"""Lines of a log that tell why a process ended: the machine, Java, Python and what an application reaches for.

The first pattern that fits a line counts, so the special ones stand before the general.
"""

from __future__ import annotations

from dcluster_provider.core.diagnosis_codes import CodeTrait, ConnectionCode, DiagnosisCode
from dcluster_provider.core.signs import Sign

_MEMORY = "Give it more memory (driverMemGb for a driver, workerMemGb or workerMemory for a worker)"
_JVM_OPTIONS = (
    "Correct the Java options (spark.driver.extraJavaOptions, spark.executor.extraJavaOptions, "
    "env.java.opts.* of Flink)."
)
_CREDENTIALS = "Give the job credentials that may do it, or correct the address."


class LogCode(DiagnosisCode):
    """What a log says of the machine, of Java and Python, and of what an application reaches for."""

    ACCESS_DENIED = "AccessDenied", "A job may not read or write something, or reach a service."
    APPLICATION_FILE_MISSING = "ApplicationFileMissing", "The file of the application does not exist."
    BAD_JAVA_OPTION = "BadJavaOption", "Java does not start with the options that it was given."
    CLASS_MISMATCH = "ClassMismatch", "A library fits neither the engine's version nor another library."
    CLASS_MISSING = "ClassMissing", "A class that the application needs is not there."
    CLASS_VERSION = "ClassVersion", "A class was compiled for a newer Java than the one that runs it."
    CONNECTION_REFUSED = (
        "ConnectionRefused",
        "Nobody accepts connections where a process wants to connect to.",
        CodeTrait.UNREACHABLE,
    )
    CONNECTION_TIMED_OUT = "ConnectionTimedOut", "A host does not answer.", CodeTrait.UNREACHABLE
    DIRECT_MEMORY_FULL = "DirectMemoryFull", "A Java process ran out of memory outside its heap."
    DISK_FULL = "DiskFull", "A disk that a process writes to is full."
    DRIVER_MISSING = "DriverMissing", "The JDBC driver of a database is missing."
    FILE_SYSTEM_UNKNOWN = "FileSystemUnknown", "The engine has no file system for addresses of this kind."
    MACHINE_MEMORY_FULL = "MachineMemoryFull", "The machine has less free memory than Java asks for."
    MAIN_CLASS_MISSING = "MainClassMissing", "The jar has no such main class, or names none."
    METASPACE_FULL = "MetaspaceFull", "A Java process ran out of room for classes."
    MODULE_MISSING = "ModuleMissing", "Python cannot import a module."
    OUT_OF_MEMORY = "OutOfMemory", "A Java process ran out of heap."
    PATH_EXISTS = "PathExists", "A job writes to a path that exists already."
    PATH_MISSING = "PathMissing", "There is no such file or folder where the job runs."
    PORT_TAKEN = "PortTaken", "Another process holds the port that a process has to listen on."
    PROGRAM_MISSING = "ProgramMissing", "A program cannot be executed where the job runs."
    PYTHON_OUT_OF_MEMORY = "PythonOutOfMemory", "A Python process ran out of memory."
    STACK_OVERFLOW = "StackOverflow", "Calls of a Java process are nested too deep."
    THREADS_EXHAUSTED = "ThreadsExhausted", "The system gave a Java process no further thread."
    UNKNOWN_HOST = "UnknownHost", "A host name cannot be resolved where the job runs.", CodeTrait.UNREACHABLE


PROCESS_PATTERNS = (
    Sign(
        LogCode.DISK_FULL,
        r"No space left on device|There is not enough space on the disk|Disk quota exceeded",
        "A disk that it writes to is full.",
        "Free space or give the cluster a larger disk, then run it again.",
        anywhere=True,
    ),
    Sign(
        LogCode.PORT_TAKEN,
        r"BindException|Address already in use|Could not start rest endpoint on any port",
        "A port that it has to listen on is taken by another process.",
        "End the process that holds the port or choose another port, then run it again.",
        anywhere=True,
    ),
    Sign(
        LogCode.METASPACE_FULL,
        r"OutOfMemoryError: (Metaspace|Compressed class space)",
        "Its Java ran out of room for classes ({0}).",
        "Raise the limit: -XX:MaxMetaspaceSize of Spark's Java options, taskmanager.memory.jvm-metaspace.size or "
        "jobmanager.memory.jvm-metaspace.size of Flink.",
        anywhere=True,
    ),
    Sign(
        LogCode.DIRECT_MEMORY_FULL,
        r"OutOfMemoryError: (Direct buffer memory|Cannot reserve \d+ bytes of direct buffer memory[^.]*)"
        r"|OutOfDirectMemoryError: (.+)",
        "Its Java ran out of direct memory, which is outside the heap ({0}).",
        "Raise the limit: -XX:MaxDirectMemorySize of Spark's Java options, taskmanager.memory.task.off-heap.size or "
        "taskmanager.memory.framework.off-heap.size of Flink.",
        anywhere=True,
    ),
    Sign(
        LogCode.THREADS_EXHAUSTED,
        r"OutOfMemoryError: (unable to create (?:new )?native thread.*)|(pthread_create failed .+)",
        "The system gave its Java no further thread ({0}).",
        "Let it use fewer threads, or raise the limit of processes where it runs.",
        anywhere=True,
    ),
    Sign(
        LogCode.OUT_OF_MEMORY,
        r"OutOfMemoryError: (GC overhead limit exceeded)",
        "Its Java ran out of memory ({0}): nearly all its time went into freeing a nearly full heap.",
        _MEMORY + ".",
        anywhere=True,
    ),
    Sign(
        LogCode.OUT_OF_MEMORY,
        r"OutOfMemoryError: (Requested array size exceeds VM limit)",
        "Its Java ran out of memory ({0}): one value is larger than 2 GiB.",
        "Handle it in smaller pieces: more partitions, no collect of everything, shorter texts.",
        anywhere=True,
    ),
    Sign(
        LogCode.OUT_OF_MEMORY,
        r"OutOfMemoryError:? ?([^.]+)",  # Flink goes on with advice
        "Its Java ran out of memory ({0}).",
        _MEMORY + ", or let it keep less at once (no collect of much, smaller partitions).",
        anywhere=True,
    ),
    Sign(
        LogCode.MACHINE_MEMORY_FULL,
        r"There is insufficient memory for the Java Runtime|Could not reserve enough space for|"
        r"os::commit_memory\(.*\) failed|Cannot allocate memory",
        "The machine has less memory free than its Java asks for.",
        "Ask for less memory, or run it where there is more.",
        anywhere=True,
    ),
    Sign(
        LogCode.STACK_OVERFLOW,
        r"java\.lang\.StackOverflowError",
        "Its Java ran out of stack: calls are nested too deep.",
        "Break the recursion or a very long chain of transformations (a checkpoint helps), or raise -Xss.",
    ),
    Sign(LogCode.PYTHON_OUT_OF_MEMORY, r"^MemoryError\b", "Its Python ran out of memory.", _MEMORY + "."),
    Sign(
        LogCode.BAD_JAVA_OPTION,
        r"Unrecognized option: (-\S+)",
        "Java does not know the option {0}.",
        _JVM_OPTIONS,
        anywhere=True,
    ),
    Sign(
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
    Sign(
        LogCode.BAD_JAVA_OPTION,
        r"java\.lang\.module\.\w+: (Module .+)",
        "Java does not start with its options: {0}.",
        _JVM_OPTIONS,
        anywhere=True,
    ),
    Sign(
        LogCode.BAD_JAVA_OPTION,
        r"Could not create the Java Virtual Machine|Error occurred during initialization of (?:VM|boot layer)",
        "Java does not start with its options.",
        _JVM_OPTIONS,
        anywhere=True,
    ),
    Sign(
        LogCode.MAIN_CLASS_MISSING,
        r"(?:Failed to load class|Error: class not found:?|Could not find or load main class)"
        r"\s*['\"]?([\w.$]+)",
        "The application has no class {0}.",
        "Correct mainClass: it has to be the full name of a class in the jar.",
        anywhere=True,
    ),
    Sign(
        LogCode.MAIN_CLASS_MISSING,
        r"No main class set in JAR|Cannot load main class from JAR|no main manifest attribute|"
        r"Neither a 'Main-Class', nor a 'program-class' entry was found",
        "The application's jar does not say which of its classes is to be run.",
        "Give mainClass: the full name of a class in the jar.",
        anywhere=True,
    ),
    Sign(
        LogCode.APPLICATION_FILE_MISSING,
        r"(?:can't open file|[Pp]ython file does not exist[: ]*|JAR file does not exist[: ]*|"
        r"Unable to access jarfile) ?'?([^'\s]+)",
        "The application file {0} does not exist.",
        "Correct application to a file that is there.",
        anywhere=True,
    ),
    Sign(
        LogCode.PROGRAM_MISSING,
        r'Cannot run program "([^"]+)"',
        "The program {0} cannot be executed.",
        "Install it, or correct the setting that names it.",
        anywhere=True,
    ),
)

FAILURE_PATTERNS = (
    Sign(
        LogCode.MODULE_MISSING,
        r"ModuleNotFoundError: No module named '([^']+)'",
        "Python finds no module {0}.",
        "Bring it with the job (spark.submit.pyFiles, python.files of Flink), or install it where the job's Python "
        "runs: in the image, or on every worker.",
    ),
    Sign(
        LogCode.MODULE_MISSING,
        r"ImportError: (.+)",
        "Python cannot import what the application needs: {0}.",
        "Bring the module in the version that the application needs, or correct the import.",
    ),
    Sign(
        LogCode.FILE_SYSTEM_UNKNOWN,
        r"No FileSystem for scheme:? \"?([\w+.-]+)\"?",
        "Spark knows no file system for {0}:// addresses.",
        "Add the library of that file system (spark.jars.packages, for instance hadoop-aws for s3a), or correct the "
        "address.",
    ),
    Sign(
        LogCode.FILE_SYSTEM_UNKNOWN,
        r"Could not find a file system implementation for scheme '([^']+)'",
        "Flink knows no file system for {0}:// addresses.",
        "Add the plugin of that file system to the image or to the engine's plugins folder, or correct the address.",
    ),
    Sign(
        LogCode.FILE_SYSTEM_UNKNOWN,
        r"Class (org\.apache\.hadoop\.fs\.[\w.$]+|com\.google\.cloud\.hadoop\.fs\.[\w.$]+) not found",
        "The library with the file system {0} is missing.",
        "Add it (spark.jars.packages, for instance hadoop-aws in the version of Spark's Hadoop).",
    ),
    Sign(
        LogCode.CLASS_VERSION,
        r"UnsupportedClassVersionError: (\S+)",
        "{0} was compiled for a newer Java than the one that runs it.",
        "Compile the application for the Java of the engine, or run it on a release with that Java.",
    ),
    Sign(
        LogCode.CLASS_MISMATCH,
        r"(?:NoSuchMethodError|NoSuchFieldError|IncompatibleClassChangeError|AbstractMethodError): (.+)",
        "A library does not fit the engine's version or another library: {0}.",
        "Bring libraries that were built for this release of the engine and its Scala, and leave out of the jar what "
        "the engine brings.",
    ),
    Sign(
        LogCode.CLASS_MISSING,
        r"(?:ClassNotFoundException|NoClassDefFoundError): (?:Could not initialize class )?([\w.$/]+)",
        "A class that the application needs is missing: {0}.",
        "Bring the jar that has it (spark.jars or spark.jars.packages, the application's own jar), in the version of "
        "the engine.",
    ),
    Sign(
        LogCode.DRIVER_MISSING,
        r"No suitable driver",
        "The JDBC driver of the database is missing.",
        "Bring its jar (spark.jars.packages), or name its class in the option driver.",
    ),
    Sign(
        LogCode.UNKNOWN_HOST,
        r"UnknownHostException: (?:[^\s:]+: )?([\w.-]+)|Failed to resolve '([^']+)'|"
        r"(Name or service not known|Temporary failure in name resolution|nodename nor servname provided)",
        "A host name cannot be resolved where the job runs: {0}.",
        "Correct the name, or let the job run where that host is known.",
    ),
    Sign(
        LogCode.CONNECTION_REFUSED,
        r"Call From \S+ to (\S+) failed on connection exception|Connection to (\S+) refused|"
        r"[Cc]onnect(?:ion)?(?: to)? (\S+:\d+).{0,200}[Rr]efused",
        "Nobody accepts connections at {0}, where the job wants to connect to.",
        "Correct the address, start the service, or let firewall and network policy through.",
    ),
    Sign(
        LogCode.CONNECTION_REFUSED,
        r"([Cc]onnection refused.{0,100})",
        "Nobody accepts connections where the job wants to connect to: {0}.",
        "Correct the address, start the service, or let firewall and network policy through.",
    ),
    Sign(
        LogCode.CONNECTION_TIMED_OUT,
        r"ConnectTimeoutException: (.+)|SocketTimeoutException: (.+)|(Connection timed out.*)|"
        r"(No route to host.*)|(Network is unreachable.*)",
        "A host that the job wants to reach does not answer: {0}.",
        "Correct the address, or let firewall and network policy through.",
    ),
    Sign(
        ConnectionCode.CREDENTIALS_MISSING,
        r"(NoAuthWithAWSException.*|NoCredentialsError.*|Unable to load (?:AWS )?credentials.*|"
        r"DefaultCredentialsError.*|No AWS Credentials provided.*)",
        "The job has no credentials for what it wants to reach: {0}.",
        "Give them to it (a service account, or settings of the engine).",
    ),
    Sign(
        LogCode.ACCESS_DENIED,
        r"((?:AccessControlException|AccessDeniedException|PermissionError|AccessDenied).*|"
        r"[Pp]ermission denied.*|Access [Dd]enied.*|403 Forbidden.*|[Ss]tatus [Cc]ode: 403.*|"
        r"Mkdirs failed to create .*)",
        "The job may not do what it wants to: {0}.",
        _CREDENTIALS,
    ),
    Sign(
        LogCode.PATH_MISSING,
        r"(?:Path does not exist|Input path does not exist|PathNotFoundException): (\S+?)\.?(?:\s|$)|"
        r"FileNotFoundException: (?:File )?(\S+)(?: does not exist| \(No such file)|"
        r"NoSuchFileException: (\S+)|No such file or directory: '([^']+)'",
        "There is no file or folder {0} where the job runs.",
        "Correct the path, or bring the file: on Kubernetes and on clusters of several machines, every worker has to "
        "see it under that path.",
    ),
    Sign(
        LogCode.PATH_EXISTS,
        r"PATH_ALREADY_EXISTS\] Path (\S+) already exists|FileAlreadyExistsException: (\S+)",
        "The job writes to {0}, which exists already.",
        "Write with mode overwrite or append, or to another path.",
    ),
)

"""Lines of a log that tell what an application lacks or cannot reach."""

from __future__ import annotations

from dcluster_provider.core.diagnosis import CodeTrait, ConnectionCode, DiagnosisCode
from dcluster_provider.engines.log_patterns import LogPattern

_CREDENTIALS = "Give the job credentials that may do it, or correct the address."


class ApplicationCode(DiagnosisCode):
    """What an application lacks or cannot reach."""

    ACCESS_DENIED = "AccessDenied", "A job may not read or write something, or reach a service."
    CLASS_MISMATCH = "ClassMismatch", "A library fits neither the engine's version nor another library."
    CLASS_MISSING = "ClassMissing", "A class that the application needs is not there."
    CLASS_VERSION = "ClassVersion", "A class was compiled for a newer Java than the one that runs it."
    CONNECTION_REFUSED = (
        "ConnectionRefused",
        "Nobody accepts connections where a process wants to connect to.",
        CodeTrait.UNREACHABLE,
    )
    CONNECTION_TIMED_OUT = "ConnectionTimedOut", "A host does not answer.", CodeTrait.UNREACHABLE
    DRIVER_MISSING = "DriverMissing", "The JDBC driver of a database is missing."
    FILE_SYSTEM_UNKNOWN = "FileSystemUnknown", "The engine has no file system for addresses of this kind."
    MODULE_MISSING = "ModuleMissing", "Python cannot import a module."
    PATH_EXISTS = "PathExists", "A job writes to a path that exists already."
    PATH_MISSING = "PathMissing", "There is no such file or folder where the job runs."
    REQUIREMENT_MISSING = "RequirementMissing", "pip cannot install what the requirements of a job name."
    SQL_STATEMENT_FAILED = "SqlStatementFailed", "A statement of a SQL text failed."
    UNKNOWN_HOST = "UnknownHost", "A host name cannot be resolved where the job runs.", CodeTrait.UNREACHABLE


APPLICATION_PATTERNS = (
    LogPattern(
        ApplicationCode.REQUIREMENT_MISSING,
        r"ERROR: No matching distribution found for (.+)",
        "pip finds no package for the requirement {0}.",
        "Correct requirements, or name an index that has it and can be reached from where the job runs "
        "(PIP_INDEX_URL).",
        anywhere=True,
    ),
    LogPattern(
        ApplicationCode.REQUIREMENT_MISSING,
        r"ERROR: (Invalid requirement: .+|Cannot install .+ because .+|.+ is not a supported wheel on this platform)",
        "pip cannot install the job's requirements: {0}.",
        "Correct requirements; packages have to fit each other and the engine's Python.",
        anywhere=True,
    ),
    LogPattern(
        ApplicationCode.REQUIREMENT_MISSING,
        r"No module named (pip|ensurepip)\b",
        "The requirements of the job cannot be installed because Python has no {0} where it runs.",
        "Use an image or a Python with pip, or bring the packages with the job (pyFiles, archives).",
        anywhere=True,
    ),
    LogPattern(
        ApplicationCode.MODULE_MISSING,
        r"ModuleNotFoundError: No module named '([^']+)'",
        "Python finds no module {0}.",
        "Bring it with the job: a package in requirements, a module or folder of your own in pyFiles; or put it into "
        "the image.",
    ),
    LogPattern(
        ApplicationCode.MODULE_MISSING,
        r"ImportError: (.+)",
        "Python cannot import what the application needs: {0}.",
        "Bring the module in the version that the application needs, or correct the import.",
    ),
    LogPattern(
        ApplicationCode.FILE_SYSTEM_UNKNOWN,
        r"No FileSystem for scheme:? \"?([\w+.-]+)\"?",
        "Spark knows no file system for {0}:// addresses.",
        "Name a connection in storageConnId, which brings the file system of S3 (s3a://); bring the library of another "
        "one in packages; or correct the address.",
    ),
    LogPattern(
        ApplicationCode.FILE_SYSTEM_UNKNOWN,
        r"Could not find a file system implementation for scheme '([^']+)'",
        "Flink knows no file system for {0}:// addresses.",
        "Name a connection in storageConnId, which brings the file system of S3; add the plug-in of another one to the "
        "image or to the engine's plugins folder; or correct the address.",
    ),
    LogPattern(
        ApplicationCode.FILE_SYSTEM_UNKNOWN,
        r"Class (org\.apache\.hadoop\.fs\.[\w.$]+|com\.google\.cloud\.hadoop\.fs\.[\w.$]+) not found",
        "The library with the file system {0} is missing.",
        "Name a connection in storageConnId, which brings the file system of S3; or bring the library of another one "
        "in packages.",
    ),
    LogPattern(
        ApplicationCode.CLASS_VERSION,
        r"UnsupportedClassVersionError: (\S+)",
        "{0} was compiled for a newer Java than the one that runs it.",
        "Compile the application for the Java of the engine, or run it on a release with that Java.",
    ),
    LogPattern(
        ApplicationCode.CLASS_MISMATCH,
        r"(?:NoSuchMethodError|NoSuchFieldError|IncompatibleClassChangeError|AbstractMethodError): (.+)",
        "A library does not fit the engine's version or another library: {0}.",
        "Bring libraries that were built for this release of the engine and its Scala, and leave out of the jar what "
        "the engine brings.",
    ),
    LogPattern(
        ApplicationCode.CLASS_MISSING,
        r"(?:ClassNotFoundException|NoClassDefFoundError): (?:Could not initialize class )?([\w.$/]+)",
        "A class that the application needs is missing: {0}.",
        "Bring the jar that has it (jars or packages, the application's own jar), in the version of "
        "the engine.",
    ),
    LogPattern(
        ApplicationCode.DRIVER_MISSING,
        r"No suitable driver",
        "The JDBC driver of the database is missing.",
        "Bring its jar (jars or packages), or name its class in the option driver.",
    ),
    LogPattern(
        ApplicationCode.UNKNOWN_HOST,
        r"UnknownHostException: (?:[^\s:]+: )?([\w.-]+)|Failed to resolve '([^']+)'|"
        r"(Name or service not known|Temporary failure in name resolution|nodename nor servname provided)",
        "A host name cannot be resolved where the job runs: {0}.",
        "Correct the name, or let the job run where that host is known.",
    ),
    LogPattern(
        ApplicationCode.CONNECTION_REFUSED,
        r"Call From \S+ to (\S+) failed on connection exception|Connection to (\S+) refused|"
        r"[Cc]onnect(?:ion)?(?: to)? (\S+:\d+).{0,200}[Rr]efused",
        "Nobody accepts connections at {0}, where the job wants to connect to.",
        "Correct the address, start the service, or let firewall and network policy through.",
    ),
    LogPattern(
        ApplicationCode.CONNECTION_REFUSED,
        r"([Cc]onnection refused.{0,100})",
        "Nobody accepts connections where the job wants to connect to: {0}.",
        "Correct the address, start the service, or let firewall and network policy through.",
    ),
    LogPattern(
        ApplicationCode.CONNECTION_TIMED_OUT,
        r"ConnectTimeoutException: (.+)|SocketTimeoutException: (.+)|(Connection timed out.*)|"
        r"(No route to host.*)|(Network is unreachable.*)",
        "A host that the job wants to reach does not answer: {0}.",
        "Correct the address, or let firewall and network policy through.",
    ),
    LogPattern(
        ConnectionCode.CREDENTIALS_MISSING,
        r"(NoAuthWithAWSException.*|NoCredentialsError.*|Unable to load (?:AWS )?credentials.*|"
        r"DefaultCredentialsError.*|No AWS Credentials provided.*)",
        "The job has no credentials for what it wants to reach: {0}.",
        "Give them to it (a service account, or settings of the engine).",
    ),
    LogPattern(
        ApplicationCode.ACCESS_DENIED,
        r"((?:AccessControlException|AccessDeniedException|PermissionError|AccessDenied).*|"
        r"[Pp]ermission denied.*|Access [Dd]enied.*|403 Forbidden.*|[Ss]tatus [Cc]ode: 403.*|"
        r"Mkdirs failed to create .*)",
        "The job may not do what it wants to: {0}.",
        _CREDENTIALS,
    ),
    LogPattern(
        ApplicationCode.PATH_MISSING,
        r"(?:Path does not exist|Input path does not exist|PathNotFoundException): (\S+?)\.?(?:\s|$)|"
        r"FileNotFoundException: (?:File )?(\S+)(?: does not exist| \(No such file)|"
        r"NoSuchFileException: (\S+)|No such file or directory: '([^']+)'",
        "There is no file or folder {0} where the job runs.",
        "Correct the path, or bring the file: on Kubernetes and on clusters of several machines, every worker has to "
        "see it under that path.",
    ),
    LogPattern(
        ApplicationCode.PATH_EXISTS,
        r"PATH_ALREADY_EXISTS\] Path (\S+) already exists|FileAlreadyExistsException: (\S+)",
        "The job writes to {0}, which exists already.",
        "Write with mode overwrite or append, or to another path.",
    ),
)

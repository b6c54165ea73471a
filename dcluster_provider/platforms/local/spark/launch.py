"""The commands, configuration and settings of a Spark standalone cluster and of its drivers."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.application import handed_environment
from dcluster_provider.engines.base import NO_SETTINGS
from dcluster_provider.engines.dependencies import packed_environment
from dcluster_provider.engines.spark.conf import (
    EXIT_ON_FULL_HEAP,
    daemon_settings,
    job_settings,
    properties_text,
)
from dcluster_provider.engines.spark.dependencies import (
    dependency_settings,
    executor_environment,
    with_packed_environment,
)
from dcluster_provider.engines.spark.sizes import driver_size, worker_heap_mib
from dcluster_provider.engines.spark.storage import FILE_SYSTEM_JAR, file_system_settings
from dcluster_provider.platforms.local.checks import application_location, location
from dcluster_provider.platforms.local.files import write_text
from dcluster_provider.platforms.local.installation.class_archive import archive_options
from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.installation.environment import clean_environment, quoted_option
from dcluster_provider.platforms.local.installation.job_environment import JobEnvironment
from dcluster_provider.platforms.local.layout import ClusterPlace, JobPlace
from dcluster_provider.platforms.local.plan import ClusterPlan
from dcluster_provider.platforms.local.processes.ports import HOST, chosen_port
from dcluster_provider.platforms.local.processes.process import Command
from dcluster_provider.platforms.local.sql_files import write_sql_program

MASTER_PORT, UI_PORT = "master", "ui"
PORT_SETTINGS = {MASTER_PORT: "spark.master.port", UI_PORT: "spark.master.ui.port"}
_MASTER_WAIT_SECONDS = 90
# The folder of configuration that workers name first on the class path of executors, where it must not be.
_NONE = "none"
_OPENED = (
    "java.lang java.lang.invoke java.lang.reflect java.io java.net java.nio java.util java.util.concurrent "
    "java.util.concurrent.atomic jdk.internal.ref sun.nio.ch sun.nio.cs sun.security.action sun.util.calendar"
)
# What Spark's own launcher gives to every JVM since Java 17.
JVM = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED.split()),
    "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    "-Djdk.reflect.useDirectMethodHandle=false",
)
# A master and a worker do little for long: they had better start soon.
_DAEMON_JVM = (EXIT_ON_FULL_HEAP, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
# The driver's log tells the application's id, the port of its page, what becomes of its executors and when it stops;
# this keeps those lines findable however much the application prints, and whatever log level it chooses.
_DRIVER_LOGGING = """\
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{{yy/MM/dd HH:mm:ss}} %p %c{{1}}: %m%n%ex
appender.facts.type = File
appender.facts.name = facts
appender.facts.fileName = {facts}
appender.facts.layout.type = PatternLayout
appender.facts.layout.pattern = %m%n
logger.backend.name = org.apache.spark.scheduler.cluster.StandaloneSchedulerBackend
logger.backend.level = info
logger.backend.appenderRef.facts.ref = facts
logger.executors.name = org.apache.spark.scheduler.cluster.StandaloneSchedulerBackend$StandaloneDriverEndpoint
logger.executors.level = info
logger.executors.appenderRef.facts.ref = facts
logger.context.name = org.apache.spark.SparkContext
logger.context.level = info
logger.services.name = org.apache.spark.util.Utils
logger.services.level = info
logger.services.appenderRef.facts.ref = facts
logger.jetty.name = org.sparkproject.jetty
logger.jetty.level = warn
"""


def driver_settings(plan: ClusterPlan, cluster: Cluster, job: Job) -> dict[str, str]:
    """The Spark settings of a job: what is fixed here, the cluster's, then the job's own.

    Without the secret.
    """
    defaults = {"spark.ui.port": "0"}
    archived = archive_options(plan.engine) if plan.is_ours else ()
    if archived:
        defaults["spark.executor.defaultJavaOptions"] = shlex.join(archived)
    if plan.host == HOST:  # to a cluster elsewhere, this machine has another address
        defaults |= {"spark.driver.host": HOST, "spark.driver.bindAddress": HOST}
    settings = defaults | job_settings(job, cluster, frozenset(PORT_SETTINGS.values()))
    return settings | {
        "spark.master": f"spark://{plan.address(MASTER_PORT)}",
        "spark.submit.deployMode": "client",
    }


def write_properties(path: Path, settings: Mapping[str, str]) -> None:
    """Write settings as Spark reads them, for the owner's eyes alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, properties_text(settings))


def wanted_ports(spec: ClusterSpec) -> dict[str, int | None]:
    """The ports that the cluster's settings choose, by purpose; none means any."""
    return {purpose: chosen_port(spec, setting) for purpose, setting in PORT_SETTINGS.items()}


def commands(place: ClusterPlace, plan: ClusterPlan, cluster: Cluster) -> dict[str, Command]:
    """What to run for the cluster, by role, after its configuration was written.

    :raises OSError: the configuration cannot be written.
    """
    properties = place.conf / "daemons.properties"
    settings = daemon_settings(cluster.spec) | _secret(plan)
    write_properties(properties, settings)
    daemon = _DaemonCommands(place, plan, properties)
    heap = worker_heap_mib(cluster.spec)
    return {"master": daemon.master()} | {role: daemon.worker(role, heap) for role in plan.worker_roles}


class _DaemonCommands:
    def __init__(self, place: ClusterPlace, plan: ClusterPlan, properties: Path) -> None:
        self._place, self._plan, self._properties = place, plan, properties

    def master(self) -> Command:
        ports = self._plan.ports
        heap = f"-Xmx{max(192, self._plan.master_mib * 3 // 4)}m"
        arguments = ["--host", HOST, "--port", str(ports[MASTER_PORT]), "--webui-port", str(ports[UI_PORT])]
        return self._command("master", heap, "org.apache.spark.deploy.master.Master", arguments)

    def worker(self, role: str, heap_mib: int) -> Command:
        plan = self._plan
        arguments = [
            "--host",
            HOST,
            "--webui-port",
            "0",
            "--work-dir",
            str(_scratch(self._place, role) / "work"),
        ]
        arguments += ["--cores", str(plan.worker_cores), "--memory", f"{plan.worker_mib}M"]
        main = "org.apache.spark.deploy.worker.Worker"
        # A worker that asks before the master listens asks again only after 5 to 15 seconds.
        wait = (HOST, plan.ports[MASTER_PORT], _MASTER_WAIT_SECONDS)
        master = f"spark://{plan.address(MASTER_PORT)}"
        return self._command(role, f"-Xmx{heap_mib}m", main, arguments, wait, master)

    def _command(
        self,
        role: str,
        heap: str,
        main: str,
        arguments: list[str],
        wait_for: tuple[str, int, float] | None = None,
        *last: str,
    ) -> Command:
        engine, scratch = self._plan.engine, _scratch(self._place, role)
        scratch.mkdir(parents=True, exist_ok=True)
        argv = [str(engine.java), *JVM, *_DAEMON_JVM, *archive_options(engine), heap]
        argv += [
            f"-Djava.io.tmpdir={scratch}",
            "-cp",
            class_path(engine),
            main,
            *arguments,
            "--properties-file",
            str(self._properties),
        ]
        env = _environment(self._plan, self._place.conf / _NONE, scratch, engine.python)
        return Command((*argv, *last), env, scratch, self._place.log(role), wait_for)


def driver_command(
    place: ClusterPlace, plan: ClusterPlan, cluster: Cluster, job: Job, given: Mapping[str, str] = NO_SETTINGS
) -> Command:
    """What to run for a job, after its configuration was written.

    :param given: variables of the driver and its executors.
    :raises OSError: the configuration cannot be written.
    """
    own = place.job(job)
    scratch = own.conf / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    environment, packed = JobEnvironment.of(place, plan.engine, job.spec), packed_environment(job.spec)
    settings = driver_settings(plan, cluster, job)
    settings |= dependency_settings(job.spec, lambda each: location(each, own.conf / "packed"))
    if environment and packed and not plan.is_ours:  # its executors are elsewhere
        settings = with_packed_environment(settings, str(packed.path), str(environment.folder))
    is_there = any((plan.engine.home / "jars").glob(FILE_SYSTEM_JAR))
    if (cluster.spec.storage_conn_id or job.spec.storage_conn_id) and not is_there:
        settings |= file_system_settings(settings, plan.engine.release.s3_packages)
    named = [each["env"] for each in (*cluster.spec.secrets, *job.spec.secrets) if "env" in each]
    settings = executor_environment(settings, given, named)
    write_properties(own.conf / "spark.properties", settings | _secret(plan))
    write_text(own.conf / "log4j2.properties", _DRIVER_LOGGING.format(facts=own.facts))
    write_text(
        own.conf / "java.options",
        "\n".join(quoted_option(each) for each in _driver_options(own, plan, settings)),
    )
    argv = [str(plan.engine.java), f"@{own.conf / 'java.options'}", "org.apache.spark.deploy.SparkSubmit"]
    argv += ["--properties-file", str(own.conf / "spark.properties")]
    argv += ["--class", job.spec.main_class] if job.spec.main_class else []
    if job.spec.application_kind == "sql":
        argv += write_sql_program(job.spec, own.conf)
    else:
        argv += [application_location(job.spec), *job.spec.args]
    python = environment.python if environment else plan.engine.python
    env = _environment(plan, own.conf, scratch, python) | dict(given) | handed_environment(job, cluster)
    if "spark.driver.extraLibraryPath" in settings:
        env["LD_LIBRARY_PATH"] = settings["spark.driver.extraLibraryPath"]
    wait = (plan.host, plan.ports[MASTER_PORT], _MASTER_WAIT_SECONDS)
    command = environment.command(place, job, tuple(argv)) if environment else tuple(argv)
    return Command(command, env, scratch, own.log, wait)


def _driver_options(own: JobPlace, plan: ClusterPlan, settings: Mapping[str, str]) -> list[str]:
    """The driver's Java options, in a file because the user's may hold secrets."""
    heap = driver_size(
        settings, is_python=False
    ).heap_mib  # Spark counts a bare number in MiB, and Java in bytes
    options = [*JVM, *archive_options(plan.engine), f"-Xmx{heap}m", f"-Djava.io.tmpdir={own.conf / 'tmp'}"]
    for name in ("spark.driver.defaultJavaOptions", "spark.driver.extraJavaOptions"):
        options += shlex.split(settings.get(name, ""))
    classpath = [
        settings.get("spark.driver.extraClassPath", ""),
        class_path(plan.engine),
        str(own.conf),  # last: the archive of classes fits the beginning of a class path
    ]
    return [*options, "-cp", ":".join(part for part in classpath if part)]


def class_path(engine: LocalEngine) -> str:
    """Spark's own jars, as every JVM has them."""
    return str(engine.home / "jars" / "*")


def _environment(plan: ClusterPlan, conf: Path, scratch: Path, python: Path) -> dict[str, str]:
    own = environment(plan.engine, conf, scratch, python)
    return own | ({"SPARK_LOCAL_IP": HOST} if plan.host == HOST else {})


def environment(engine: LocalEngine, conf: Path, scratch: Path, python: Path) -> dict[str, str]:
    """The variables of a process of Spark.

    :param conf: the folder of its configuration.
    :param scratch: for what it spills.
    :param python: of its Python processes.
    """
    env = clean_environment(("SPARK_", "PYSPARK_"))
    return env | {
        "PATH": f"{python.parent}:{env.get('PATH', '/usr/bin:/bin')}",
        "JAVA_HOME": str(engine.java.resolve().parent.parent),
        "SPARK_HOME": str(engine.home),
        "SPARK_SCALA_VERSION": _scala_version(engine.home),
        "SPARK_CONF_DIR": str(conf),
        "SPARK_LOCAL_DIRS": str(scratch),
        "PYSPARK_PYTHON": str(python),
        "PYTHONUNBUFFERED": "1",
    }


def _scala_version(home: Path) -> str:
    """The Scala version that Spark was built for, which its launcher of executors asks for."""
    core = next((home / "jars").glob("spark-core_*.jar"))
    return core.name.removeprefix("spark-core_").split("-")[0]


def _secret(plan: ClusterPlan) -> dict[str, str]:
    if not plan.is_ours:  # whoever runs it knows whether it has one
        return {}
    return {"spark.authenticate": "true", "spark.authenticate.secret": plan.secret}


def _scratch(place: ClusterPlace, role: str) -> Path:
    return place.work / role

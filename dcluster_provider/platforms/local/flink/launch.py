"""The commands and configuration of a Flink session cluster and of the clients that submit to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.application import handed_environment, local_path
from dcluster_provider.engines.base import NO_SETTINGS
from dcluster_provider.engines.flink.conf import (
    CLIENT_LOGGING,
    DAEMON_LOGGING,
    JVM_OPTIONS,
    SLOTS,
    client_target,
    configuration_text,
    defaults,
    divisions,
    java_options,
    job_settings,
    slots_per_worker,
)
from dcluster_provider.engines.flink.dependencies import dependency_settings, jars_of, join_jars
from dcluster_provider.engines.flink.memory import Division
from dcluster_provider.engines.flink.savepoints import with_default_folder
from dcluster_provider.platforms.local.checks import location
from dcluster_provider.platforms.local.files import write_text
from dcluster_provider.platforms.local.flink.plugins import plugin_folder
from dcluster_provider.platforms.local.installation.class_archive import archive_options
from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.installation.environment import clean_environment, quoted_option
from dcluster_provider.platforms.local.installation.job_environment import JobEnvironment
from dcluster_provider.platforms.local.layout import ClusterPlace, JobPlace
from dcluster_provider.platforms.local.plan import ClusterPlan
from dcluster_provider.platforms.local.processes.ports import HOST, chosen_port
from dcluster_provider.platforms.local.processes.process import Command
from dcluster_provider.platforms.local.sql_files import write_sql_program

REST_PORT, RPC_PORT = "rest", "rpc"
PORT_SETTINGS = {REST_PORT: "rest.port", RPC_PORT: "jobmanager.rpc.port"}
_MASTER_WAIT_SECONDS = 90

# The ids of the Flink jobs that a client submits; this keeps them findable however much the client prints.
_FACTS = """\
appender.facts.type = File
appender.facts.name = facts
appender.facts.fileName = {facts}
appender.facts.layout.type = PatternLayout
appender.facts.layout.pattern = %m%n
logger.submissions.appenderRef.facts.ref = facts
"""


def wanted_ports(spec: ClusterSpec) -> dict[str, int | None]:
    """The ports that the cluster's settings choose, by purpose; none means any."""
    return {purpose: chosen_port(spec, setting) for purpose, setting in PORT_SETTINGS.items()}


def commands(place: ClusterPlace, plan: ClusterPlan, cluster: Cluster) -> dict[str, Command]:
    """What to run for the cluster, by role, after its configuration was written.

    :raises OSError: the configuration cannot be written.
    """
    jobmanager, taskmanager = divisions(cluster.spec)
    _write_configuration(place.conf, cluster_settings(place, plan, cluster.spec))
    write_text(place.conf / "log4j.properties", DAEMON_LOGGING)
    entrypoint = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
    runner = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
    given = cluster.spec.extra_configs
    of_master = _own_options(place.conf, given, "jobmanager")
    of_workers = _own_options(place.conf, given, "taskmanager")
    found = {"master": _daemon(place, plan, "master", entrypoint, _with(jobmanager, of_master))}
    for role in plan.worker_roles:
        settings = taskmanager.settings | {"taskmanager.resource-id": role}
        division = Division(taskmanager.java, settings)
        found[role] = _daemon(place, plan, role, runner, _with(division, of_workers))
    return found


def cluster_settings(place: ClusterPlace, plan: ClusterPlan, spec: ClusterSpec) -> dict[str, str]:
    """The Flink settings of a cluster: defaults, the user's, then what is decided here."""
    work = place.work
    fixed = {
        "jobmanager.rpc.address": HOST,
        "jobmanager.rpc.port": str(plan.ports[RPC_PORT]),
        "jobmanager.bind-host": HOST,
        "taskmanager.host": HOST,
        "taskmanager.bind-host": HOST,
        "rest.address": plan.host,
        "rest.bind-address": HOST,
        "rest.port": str(plan.ports[REST_PORT]),
        "rest.bind-port": str(plan.ports[REST_PORT]),
        SLOTS: str(slots_per_worker(spec)),
        "io.tmp.dirs": str(work / "tmp"),
        "web.tmpdir": str(work / "web"),
        "web.upload.dir": str(work / "web"),
        "blob.storage.directory": str(work / "blobs"),
        "process.working-dir": str(work / "processes"),
    }
    return defaults(spec) | with_default_folder(spec.extra_configs, f"file://{place.savepoints}") | fixed


def client_command(
    place: ClusterPlace, plan: ClusterPlan, cluster: Cluster, job: Job, given: Mapping[str, str] = NO_SETTINGS
) -> Command:
    """What to run for a PyFlink or SQL job, after its configuration was written.

    :param given: variables of the client.
    :raises OSError: the configuration cannot be written.
    """
    own, engine = place.job(job), plan.engine
    scratch = own.conf / "tmp"
    # The second is there already, unless somebody else runs the cluster.
    for folder in (scratch, place.work / "tmp"):
        folder.mkdir(parents=True, exist_ok=True)
    environment = JobEnvironment.of(place, engine, job.spec)
    program = str(environment.python if environment else engine.python)
    python = {"python.executable": program, "python.client.executable": program}
    settings = python | cluster_settings(place, plan, cluster.spec) | job_settings(cluster, job)
    settings |= client_target(plan.engine.release, job)
    settings |= dependency_settings(
        job.spec,
        lambda each: location(each, own.conf / "packed"),
        unpacked=str(environment.folder) if environment and not plan.is_ours else "",
    )
    _write_configuration(own.conf, settings)
    write_text(own.conf / "log4j.properties", CLIENT_LOGGING + _FACTS.format(facts=own.facts))
    heap = f"-Xmx{max(64, round(job.spec.driver_mem_gb * 1024))}m"
    options = _own_options(own.conf, settings, "client")
    argv = [
        *_java(plan, own.conf, scratch),
        heap,
        options,
        "org.apache.flink.client.cli.CliFrontend",
        "run",
    ]
    if jars_of(job.spec):
        with jar_to_hand_over(own, job) as jar:
            argv += ["--jarfile", jar.name]
    is_sql = job.spec.application_kind == "sql"
    argv += ["-py", *(write_sql_program(job.spec, own.conf) if is_sql else [str(local_path(job.spec))])]
    env = _environment(plan, place, own.conf) | dict(given) | handed_environment(job, cluster)
    wait = (plan.host, plan.ports[REST_PORT], _MASTER_WAIT_SECONDS)
    command = (*argv, *job.spec.args)
    command = environment.command(place, job, command) if environment else command
    return Command(command, env, scratch, own.log, wait)


@contextmanager
def jar_to_hand_over(own: JobPlace, job: Job) -> Iterator[IO[bytes]]:
    """The jar that Flink is given for a job: the application, if it is one, and what it brings.

    :raises OSError: one cannot be read, or the joined one cannot be written.
    """
    path, jars = local_path(job.spec), [each.path for each in jars_of(job.spec)]
    is_jar = job.spec.application_kind == "jar"
    if is_jar and not jars:
        with path.open("rb") as jar:
            yield jar
        return
    own.conf.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        application = opened.enter_context(path.open("rb")) if is_jar else None
        libraries = [opened.enter_context(each.open("rb")) for each in jars]
        joined = opened.enter_context((own.conf / "joined.jar").open("w+b"))
        join_jars(joined, application, libraries)
        joined.flush()
        yield joined


def _own_options(conf: Path, settings: Mapping[str, str], role: str) -> str:
    """The file of the user's own Java options for a role: a command line would show what they hold."""
    path = conf / f"{role}.options"
    options = java_options(settings, role)[len(JVM_OPTIONS) :]
    write_text(path, "\n".join(quoted_option(each) for each in options))
    return f"@{path}"


def _with(division: Division, options: str) -> Division:
    return Division((*division.java, options), division.settings)


def _daemon(place: ClusterPlace, plan: ClusterPlan, role: str, main: str, division: Division) -> Command:
    scratch = place.work / role
    for folder in (scratch, place.work / "tmp", place.work / "web"):
        folder.mkdir(parents=True, exist_ok=True)
    argv = [*_java(plan, place.conf, scratch), *division.java, main, "--configDir", str(place.conf)]
    for name, value in division.settings.items():
        argv += ["-D", f"{name}={value}"]
    return Command(tuple(argv), _environment(plan, place, place.conf), scratch, place.log(role))


def _java(plan: ClusterPlan, conf: Path, scratch: Path) -> list[str]:
    engine = plan.engine
    return [str(engine.java), *archive_options(engine), *java_arguments(engine, conf, scratch)]


def java_arguments(engine: LocalEngine, conf: Path, scratch: Path) -> list[str]:
    """The options that every JVM has, and the class path in the order of Flink's scripts.

    :param conf: the folder of its configuration.
    :param scratch: for its temporary files.
    """
    jars = sorted(
        (engine.home / "lib").glob("*.jar"), key=lambda jar: (jar.name.startswith("flink-dist"), jar.name)
    )
    security = (
        ["-Djava.security.manager=allow"] if engine.java_version > 17 else []
    )  # Flink installs one of its own
    options = [*JVM_OPTIONS, *security, f"-Dlog4j.configurationFile=file:{conf / 'log4j.properties'}"]
    return [*options, f"-Djava.io.tmpdir={scratch}", "-cp", ":".join(str(jar) for jar in jars)]


def _environment(plan: ClusterPlan, place: ClusterPlace, conf: Path) -> dict[str, str]:
    return environment(plan.engine, plugin_folder(place, plan.engine), conf)


def environment(engine: LocalEngine, plugins: Path, conf: Path) -> dict[str, str]:
    """The variables of a process of Flink.

    :param plugins: the folder of plug-ins.
    :param conf: the folder of its configuration.
    """
    env = clean_environment(("FLINK_", "PYFLINK_"))
    return env | {
        "PATH": f"{engine.python.parent}:{env.get('PATH', '/usr/bin:/bin')}",
        "JAVA_HOME": str(engine.java.resolve().parent.parent),
        "FLINK_CONF_DIR": str(conf),
        "FLINK_BIN_DIR": str(engine.home / "bin"),
        "FLINK_LIB_DIR": str(engine.home / "lib"),
        "FLINK_OPT_DIR": str(engine.home / "opt"),
        "FLINK_PLUGINS_DIR": str(plugins),
        "PYTHONUNBUFFERED": "1",
    }


def _write_configuration(folder: Path, settings: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "config.yaml", configuration_text(settings))

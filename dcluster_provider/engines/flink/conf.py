"""The settings of Flink clusters and jobs, and what fits into their slots."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.identity import flink_job_id
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.core.sizing import MIB, memory_bytes, whole_cores
from dcluster_provider.engines.application import handed_over
from dcluster_provider.engines.base import EngineRelease
from dcluster_provider.engines.flink.log_patterns import FlinkCode
from dcluster_provider.engines.flink.memory import Division, divide_jobmanager, divide_taskmanager
from dcluster_provider.engines.setting_checks import whole_number

_JAVA_OPTIONS = "env.java.opts."
SLOTS = "taskmanager.numberOfTaskSlots"
_NAME = "pipeline.name"
_START = "execution.state-recovery.path"
_EXPORTED = "java.rmi/sun.rmi.registry java.security.jgss/sun.security.krb5"
_EXPORTED_COMPILER = "api file parser tree util"
_OPENED = (
    "java.lang java.net java.io java.nio sun.nio.ch java.lang.reflect java.text java.time java.util "
    "java.util.concurrent java.util.concurrent.atomic java.util.concurrent.locks"
)
# What every JVM is given: by Flink's shipped configuration, and at last what a process on a busy machine needs, which
# gives up after ten seconds of starting its RPC system: Flink's own pekko.startup-timeout sets nothing that is read.
JVM_OPTIONS = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    *(f"--add-exports={module}=ALL-UNNAMED" for module in _EXPORTED.split()),
    *(
        f"--add-exports=jdk.compiler/com.sun.tools.javac.{part}=ALL-UNNAMED"
        for part in _EXPORTED_COMPILER.split()
    ),
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED.split()),
    "-Dpekko.remote.classic.startup-timeout=300s",
)
DEFAULTS = {
    "cluster.registration.initial-timeout": "500 ms",  # a TaskManager that is up before its JobManager asks
    "cluster.registration.error-delay": "500 ms",  # again soon, not after 10 s
    "heartbeat.interval": "3000",  # a killed TaskManager is noticed within seconds
    "restart-strategy.type": "none",
    "jobstore.expiration-time": str(200 * 86400),  # seconds; an hour by default, 248 days at most
    "table.dml-sync": "true",  # the next statement finds what the one before has written
    "parallelism.default": "1",
}
# Of a cluster that can be resized: its jobs take what slots there are, and go on from a checkpoint when these change. A
# worker that leaves is a failure to Flink, so a few of them within a while do not end a job.
_ELASTIC = {
    "jobmanager.scheduler": "adaptive",
    "jobmanager.adaptive-scheduler.resource-stabilization-timeout": "2 s",
    "jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout": "2 s",
    "jobmanager.adaptive-scheduler.executing.resource-stabilization-timeout": "5 s",
    "jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling": "5 s",
    "jobmanager.adaptive-scheduler.scaling-interval.min": "5 s",  # the last one's name until Flink 2.0
    "restart-strategy.type": "failure-rate",
    "restart-strategy.failure-rate.max-failures-per-interval": "3",
    "restart-strategy.failure-rate.failure-rate-interval": "5 min",
    "restart-strategy.failure-rate.delay": "1 s",
}
_LOGGING = """\
rootLogger.level = {level}
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{{yyyy-MM-dd HH:mm:ss,SSS}} %-5p %c{{1}} - %m%n
# It would print the whole environment.
logger.environment.name = org.apache.flink.client.python.PythonEnvUtils
logger.environment.level = warn
"""
DAEMON_LOGGING = _LOGGING.format(level="info")
# A client's log is the job's: what it submits, what goes wrong, and what the program prints.
CLIENT_LOGGING = (
    _LOGGING.format(level="warn")
    + """\
# Both say again what is printed anyway.
logger.driver.name = org.apache.flink.client.python.PythonDriver
logger.driver.level = off
logger.frontend.name = org.apache.flink.client.cli.CliFrontend
logger.frontend.level = off
logger.submissions.name = org.apache.flink.client.program.rest.RestClusterClient
logger.submissions.level = info
"""
)


def divisions(spec: ClusterSpec) -> tuple[Division, Division]:
    """How the memory of the JobManager and of each TaskManager is divided.

    :raises InvalidSpec: too little, naming the field and the least valid value.
    """
    settings = spec.extra_configs
    jobmanager = divide_jobmanager(memory_bytes(spec.master_memory) // MIB * MIB, settings)
    worker_memory = memory_bytes(spec.worker_memory) // MIB * MIB
    return jobmanager, divide_taskmanager(worker_memory, slots_per_worker(spec), settings)


def slots_per_worker(spec: ClusterSpec) -> int:
    """How many slots each TaskManager has: one for each core, unless the cluster's settings say otherwise.

    :raises InvalidSpec: they say no number.
    """
    text = spec.extra_configs.get(SLOTS)
    if text is None:
        return whole_cores(spec.worker_cpu)
    return whole_number(f"field extraConfigs: {SLOTS}", text, 1, 32768)


def slots(spec: ClusterSpec) -> int:
    """How many slots the whole cluster has."""
    return spec.workers * slots_per_worker(spec)


def min_slots(spec: ClusterSpec) -> int:
    """How many slots the cluster always has, unless it loses workers."""
    return spec.min_size * slots_per_worker(spec)


def max_slots(spec: ClusterSpec) -> int:
    """How many slots the cluster may come to have."""
    return spec.max_size * slots_per_worker(spec)


def defaults(spec: ClusterSpec) -> dict[str, str]:
    """The settings of a cluster, before its own."""
    return DEFAULTS | _ELASTIC if spec.is_elastic else dict(DEFAULTS)


def java_options(settings: Mapping[str, str], role: str = "all") -> list[str]:
    """The options of a JVM beside its memory: what Flink always needs, then the user's for all and for its role.

    :param role: ``jobmanager``, ``taskmanager`` or ``client``; without one, what every role has in common.
    """
    options = list(JVM_OPTIONS)
    for name in dict.fromkeys((_JAVA_OPTIONS + "all", _JAVA_OPTIONS + role)):
        options += shlex.split(settings.get(name, ""))
    return options


def configuration_text(settings: Mapping[str, str]) -> str:
    """Settings as the text of Flink's ``config.yaml``."""
    # JSON text is YAML text too.
    lines = (f"{json.dumps(name)}: {json.dumps(value)}\n" for name, value in settings.items() if value != "")
    return "".join(lines)


def unique_name(job: Job) -> str:
    """The name by which the Flink jobs are found that a job's client submits: the user's, and the job's number."""
    return f"{job.spec.extra_cmd.get(_NAME) or f'{job.client}/{job.module}'} #{job.id}"


def job_settings(cluster: Cluster, job: Job) -> dict[str, str]:
    """The Flink settings of a job, beside its cluster's."""
    spec = job.spec
    settings = {_NAME: unique_name(job)}
    if job.owns_cluster:
        settings["parallelism.default"] = str(max_slots(cluster.spec))
    elif spec.num_workers is not None:
        each = spec.worker_cpu or slots_per_worker(cluster.spec)
        settings["parallelism.default"] = str(spec.num_workers * each)
    handed = {f"dcluster.{name}": value for name, value in handed_over(job, cluster).items()}
    settings["pipeline.global-job-parameters"] = json.dumps(handed)
    if spec.savepoint:
        settings[_START] = spec.savepoint
    return settings | spec.extra_cmd | {_NAME: unique_name(job)}


def client_target(release: EngineRelease, job: Job) -> dict[str, str]:
    """Where a client submits to, and the id of its first Flink job.

    A release that repeats the id would refuse the second job; its jobs are told by their names alone.
    """
    target = {"execution.target": "remote"}
    if not release.repeats_job_ids:
        target["$internal.pipeline.job-id"] = flink_job_id(job.platform_key, job.generation)
    return target


def run_request(cluster: Cluster, job: Job, job_id: str) -> dict[str, Any]:
    """The body of the request that runs a jar under an id."""
    settings = job_settings(cluster, job)
    settings[_NAME] = job.spec.extra_cmd.get(_NAME) or settings[_NAME]  # a jar's job is found by its id
    request: dict[str, Any] = {
        "jobId": job_id,
        "programArgsList": list(job.spec.args),
        "parallelism": int(settings.pop("parallelism.default", "1")),
        "flinkConfiguration": settings,
    }
    given = {"savepointPath": settings.pop(_START, ""), "entryClass": job.spec.main_class}
    return request | {name: value for name, value in given.items() if value}


def never_fits(cluster: Cluster, job: Job) -> Diagnosis | None:
    """Why the cluster could never run the job; none when it can."""
    wanted, offered = job_settings(cluster, job).get("parallelism.default", "1"), max_slots(cluster.spec)
    if not wanted.isdigit() or int(wanted) <= offered:
        return None
    return Diagnosis(
        FlinkCode.PARALLELISM_TOO_HIGH,
        f"The job asks for a parallelism of {wanted}, but the cluster has {offered} slots.",
        f"Set parallelism.default (or numWorkers) to at most {offered}, or launch the cluster with more workers.",
        (f"parallelism.default: {wanted}", f"slots of the cluster: {offered}"),
    )

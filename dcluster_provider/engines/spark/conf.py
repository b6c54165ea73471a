"""The settings of Spark clusters and jobs, and what fits on their workers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.core.redaction import redaction
from dcluster_provider.core.sizing import MIB, memory_bytes, whole_cores
from dcluster_provider.engines.application import handed_over
from dcluster_provider.engines.base import NO_SETTINGS
from dcluster_provider.engines.spark.elasticity import decommission_settings, executor_bounds
from dcluster_provider.engines.spark.log_patterns import SparkCode
from dcluster_provider.engines.spark.sharing import Workers, asked_alone, slice_of, whole_workers
from dcluster_provider.engines.spark.sizes import beside_heap_mib
from dcluster_provider.engines.spark.values import core_count, memory_mib

_CORES = "spark.executor.cores"
_MIN_MASTER_MIB = 256
_MIN_WORKER_MIB = 512  # an executor has to have 450 MiB
# Of masters and workers, before the cluster's own.
DAEMON_SETTINGS = {
    "spark.master.rest.enabled": "false",  # it would run anybody's code, whatever spark.authenticate says
    "spark.ui.killEnabled": "false",  # any web page could ask for it
    "spark.worker.cleanup.enabled": "true",  # of what applications that have ended left in the work folder,
    "spark.worker.cleanup.appDataTtl": "86400",  # a day after their end
    "spark.port.maxRetries": "0",  # a taken port is an error, not a reason to listen elsewhere
}
# Of drivers, masters and workers, before the user's options. Spark ends an executor whose heap is full (exit code 52);
# in a driver, the error ends the thread that meets it, and the others wait for that one for ever.
EXIT_ON_FULL_HEAP = "-XX:+ExitOnOutOfMemoryError"
_DRIVER_OPTIONS = "spark.driver.defaultJavaOptions"
NAMED_BY_US = re.compile(r".+/.+ #\d+", re.DOTALL)  # what application_name makes
REDACTION = "spark.redaction.regex"
# What means the same to Java as to Python, of what people write here.
_PLAIN = re.compile(r"(?:[\w .|^$*+?)-]|\((?!\?)|\(\?:|\\[.bBdDsSwW-]|\[\^?[\w.-]+\])*", re.ASCII)


def daemon_settings(spec: ClusterSpec, defaults: Mapping[str, str] = NO_SETTINGS) -> dict[str, str]:
    """The settings of masters and workers.

    :param defaults: those of the platform, before the cluster's own.
    """
    given = spec.extra_configs
    own = {REDACTION: redaction_regex(given.get(REDACTION, ""))}
    return DAEMON_SETTINGS | decommission_settings(spec) | dict(defaults) | given | own


@dataclass(frozen=True)
class Worker:
    """What one worker of a cluster offers.

    :param mib: memory in MiB.
    """

    cores: int
    mib: int

    @classmethod
    def of(cls, spec: ClusterSpec) -> Worker:
        """Each worker of a cluster."""
        return cls(whole_cores(spec.worker_cpu), memory_bytes(spec.worker_memory) // MIB)


def check_sizes(spec: ClusterSpec) -> None:
    """Refuse a cluster that cannot run an executor.

    :raises InvalidSpec: naming the field and the least valid value.
    """
    if memory_bytes(spec.worker_memory) < _MIN_WORKER_MIB * MIB:
        raise InvalidSpec(
            f"field workerMemory: {spec.worker_memory!r} is too little for a Spark executor; "
            f"the least is {_MIN_WORKER_MIB}Mi"
        )
    if memory_bytes(spec.master_memory) < _MIN_MASTER_MIB * MIB:
        raise InvalidSpec(
            f"field masterMemory: {spec.master_memory!r} is too little for a Spark master; "
            f"the least is {_MIN_MASTER_MIB}Mi"
        )


def application_name(job: Job) -> str:
    """What the job's application is called, unless it calls itself otherwise."""
    return f"{job.client}/{job.module} #{job.id}"


def job_settings(
    job: Job, cluster: Cluster, fixed_by_cluster: frozenset[str] = frozenset()
) -> dict[str, str]:
    """The Spark settings of a job: its defaults, the cluster's, then the job's own.

    :param fixed_by_cluster: settings of the cluster that mean only its own processes.
    """
    spec = job.spec
    settings = {
        "spark.app.name": application_name(job),
        "spark.driver.memory": f"{max(1, round(spec.driver_mem_gb * 1024))}m",
    }
    raw = {name: value for name, value in cluster.spec.extra_configs.items() if name not in fixed_by_cluster}
    raw |= spec.extra_cmd
    settings |= _executor_settings(job, cluster, raw) | decommission_settings(cluster.spec) | raw
    settings[REDACTION] = redaction_regex(raw.get(REDACTION, ""))
    settings[_DRIVER_OPTIONS] = f"{EXIT_ON_FULL_HEAP} {raw.get(_DRIVER_OPTIONS, '')}".strip()
    return settings | {f"spark.dcluster.{name}": value for name, value in handed_over(job, cluster).items()}


def _executor_settings(job: Job, cluster: Cluster, raw: Mapping[str, str]) -> dict[str, str]:
    spec = job.spec
    if cluster.is_external:
        sized = asked_alone(spec, raw)
        return sized | executor_bounds(spec, None, {**sized, **raw}, int(sized.get(_CORES, "1")))
    worker = Worker.of(cluster.spec)
    workers = Workers(cluster.spec.max_size, worker.cores, worker.mib)
    if job.owns_cluster or cluster.spec.single_job:
        sized = whole_workers(workers, raw)
        return sized | executor_bounds(spec, cluster.spec, {**sized, **raw}, worker.cores)
    sized = slice_of(workers, spec, raw, beside_heap_mib(spec.extra_cmd, worker.mib))
    # What num_workers counts: executors of the size that the job asks for, or whole workers.
    counted = core_count(_CORES, raw[_CORES]) if _CORES in raw else spec.worker_cpu or worker.cores
    return sized | executor_bounds(spec, cluster.spec, {**sized, **raw}, counted)


def never_fits(settings: Mapping[str, str], worker: Worker) -> Diagnosis | None:
    """Why no worker could ever hold an executor of these settings; none when one can."""
    memory = memory_mib("spark.executor.memory", settings["spark.executor.memory"])
    if memory > worker.mib:
        return executor_too_large(memory, worker.mib)
    cores = settings.get("spark.executor.cores")
    if cores is not None and core_count("spark.executor.cores", cores) > worker.cores:
        return _too_many_cores(int(cores), worker.cores)
    return None


def executor_too_large(wanted_mib: int, offered_mib: int) -> Diagnosis:
    """Why a job waits for an executor that no worker can hold."""
    return Diagnosis(
        SparkCode.EXECUTOR_TOO_LARGE,
        f"spark.executor.memory asks for {wanted_mib} MiB, but the largest worker has {offered_mib} MiB.",
        f"Set spark.executor.memory (or workerMemGb) to at most {offered_mib}m, or launch the cluster with a larger "
        "workerMemory.",
        (f"spark.executor.memory: {wanted_mib} MiB", f"memory of each worker: {offered_mib} MiB"),
    )


def _too_many_cores(wanted: int, offered: int) -> Diagnosis:
    return Diagnosis(
        SparkCode.EXECUTOR_TOO_LARGE,
        f"spark.executor.cores asks for {wanted} cores, but the largest worker has {offered}.",
        f"Set spark.executor.cores (or workerCpu) to at most {offered}, or launch the cluster with a larger workerCpu.",
        (f"spark.executor.cores: {wanted}", f"cores of each worker: {offered}"),
    )


def properties_text(settings: Mapping[str, str]) -> str:
    """Settings as the text of a Java properties file."""
    return "".join(f"{_escaped(name)}={_escaped(value)}\n" for name, value in settings.items())


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    for special in "=:#! ":
        text = text.replace(special, "\\" + special)
    return "".join(each if " " <= each <= "~" else _unicode(each) for each in text)


def _unicode(character: str) -> str:
    encoded = character.encode("utf-16-be")
    return "".join(f"\\u{encoded[at] << 8 | encoded[at + 1]:04x}" for at in range(0, len(encoded), 2))


def redaction_regex(given: str = "") -> str:
    """What counts as a secret to Spark: what does here, and what the user adds.

    :param given: the user's own ``spark.redaction.regex``.
    """
    rules = redaction()
    own = rules.names if _PLAIN.fullmatch(rules.more) else rules.own_names
    return f"(?:{given})|(?i:{own})" if given else f"(?i){own}"

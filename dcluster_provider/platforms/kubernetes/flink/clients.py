"""The client of a PyFlink program or SQL file as a Kubernetes Job."""

from __future__ import annotations

from urllib.parse import urlsplit

from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.kubernetes_pods import PodRole
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.application import handed_environment
from dcluster_provider.engines.dependencies import packed_environment
from dcluster_provider.engines.flink.conf import (
    CLIENT_LOGGING,
    DEFAULTS,
    JVM_OPTIONS,
    client_target,
    configuration_text,
    job_settings,
)
from dcluster_provider.engines.flink.dependencies import JOIN_JARS, dependency_settings, jars_of
from dcluster_provider.engines.sql_program import SQL_PROGRAM, sql_program
from dcluster_provider.platforms.kubernetes.flink.manifests import (
    FLINK_HOME,
    WITH_FILE_SYSTEM,
    cluster_settings,
    environment,
)
from dcluster_provider.platforms.kubernetes.manifests.application_files import (
    FLINK_SETTINGS,
    FOLDER,
    PARTS_FOLDER,
    path_in_pod,
    put_together,
)
from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import Manifest, client_job, part_names
from dcluster_provider.platforms.kubernetes.manifests.dependencies import (
    INSTALLED,
    location_in_pod,
    requirements_file,
)
from dcluster_provider.platforms.kubernetes.manifests.metadata import (
    Place,
    cluster_labels,
    job_labels,
    job_name,
)
from dcluster_provider.platforms.kubernetes.manifests.pod_templates import (
    SCRATCH,
    EngineContainer,
    pod_template,
)
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

# Python looks for modules beside a program first, and a Secret's folder holds more than the program.
_PREPARE = f"mkdir -p program && cp {FOLDER}/{SQL_PROGRAM} program/ 2>/dev/null\n"
_RUN = f'exec {FLINK_HOME}/bin/flink run "$@"\n'
_JOINED = f"{SCRATCH}/joined.jar"
_PYTHON = {"python.executable": "python3", "python.client.executable": "python3"}
_OVERHEAD_MIB = 512  # of the client's JVM and of the Python beside it
_WAIT = "table.dml-sync"


def client(
    settings: KubernetesSettings, job: Job, cluster: Cluster, place: Place, parts: int = 0
) -> Manifest:
    """The Kubernetes Job of a client.

    :param parts: that its application travels in; 0 when it travels with the settings or not at all.
    """
    heap = max(64, round(job.spec.driver_mem_gb * 1024))
    application = path_in_pod(job.spec, parts)
    container = EngineContainer(
        image=job.spec.docker_image_name or settings.image(cluster.spec),
        script=_PREPARE + WITH_FILE_SYSTEM + put_together(job.spec, parts) + _join(job.spec) + _RUN,
        arguments=(*_jars(job.spec), *_program(job, application), *job.spec.args),
        cpu="1",
        mib=heap + _OVERHEAD_MIB,
        env=environment()
        | handed_environment(job, cluster)
        | {"DCLUSTER_APPLICATION": application}
        | {"FLINK_CONF_DIR": FOLDER, "JVM_ARGS": f"-Xmx{heap}m", "PYTHONUNBUFFERED": "1"},
        secrets={job_name(job): FOLDER},
        parts=(PARTS_FOLDER, part_names(job, parts)),
    )
    labels = job_labels(job, cluster, "client")
    template = pod_template(settings, cluster, "client", container, labels, job=job, grace_seconds=10)
    return client_job(job, cluster, place, template)


def pods_of_job(settings: KubernetesSettings, cluster: Cluster) -> dict[PodRole, Manifest]:
    """The template of the client of a job that is not known yet, by its role."""
    mib = round(cluster.spec.driver_mem_gb * 1024) + _OVERHEAD_MIB
    container = EngineContainer(settings.image(cluster.spec), "", (), "1", mib, {})
    labels = cluster_labels(cluster, "client")
    return {"client": pod_template(settings, cluster, "client", container, labels)}


def client_files(settings: KubernetesSettings, job: Job, cluster: Cluster) -> dict[str, str]:
    """The files of a client's Secret but its application."""
    is_packed = packed_environment(job.spec) is not None
    wanted = (
        _PYTHON  # an image, or one of somebody else's TaskManagers, may have it elsewhere
        | (external_client_settings() if cluster.is_external else cluster_settings(settings, cluster))
        | job_settings(cluster, job)
        | dependency_settings(
            job.spec,
            lambda each: location_in_pod(job.spec, each),
            installed=INSTALLED if job.spec.requirements and not is_packed else "",
            unpacked=INSTALLED if is_packed else "",
        )
        | {"high-availability.type": "NONE"}  # the client asks one address, and looks up no leader
        | client_target(settings.version(cluster.type, cluster.spec.engine_version).release, job)
    )
    if cluster.is_external:
        wanted |= external_client_fixed(cluster)
    files = {FLINK_SETTINGS: configuration_text(wanted), "log4j-cli.properties": CLIENT_LOGGING}
    files |= requirements_file(job.spec)
    if job.spec.application_kind == "sql":
        files[SQL_PROGRAM] = sql_program(job.spec)
    return files


def _program(job: Job, application: str) -> tuple[str, ...]:
    if job.spec.application_kind == "sql":
        return ("-py", f"program/{SQL_PROGRAM}", application)
    if job.spec.application_kind == "jar":  # of the image; others are handed to the JobManager
        return (*(("-c", job.spec.main_class) if job.spec.main_class else ()), application)
    return ("-py", application)


def _join(spec: JobSpec) -> str:
    """Lines of bash that put the jars of the task's machine into one."""
    paths = [location_in_pod(spec, each) for each in jars_of(spec) if not each.is_found_by_job]
    return f"python3 -c '{JOIN_JARS}' {_JOINED} {' '.join(paths)} || exit 1\n" if paths else ""


def _jars(spec: JobSpec) -> list[str]:
    """What the client is told of jars: one that it hands over, and those that every process has in its image."""
    jars = jars_of(spec)
    handed = ["--jarfile", _JOINED] if any(not each.is_found_by_job for each in jars) else []
    of_image = [f"file://{location_in_pod(spec, each)}" for each in jars if each.is_found_by_job]
    return handed + [part for each in of_image for part in ("--classpath", each)]


def external_client_settings() -> dict[str, str]:
    """The Flink settings of a client before its job's own: few, for the cluster has settings of its own."""
    return {"env.java.opts.all": " ".join(JVM_OPTIONS), _WAIT: DEFAULTS[_WAIT]}


def external_client_fixed(cluster: Cluster) -> dict[str, str]:
    """The Flink settings of a client that the cluster decides, after its job's own."""
    address = urlsplit(cluster.ui_url)
    return {"rest.address": address.hostname or "", "rest.port": str(address.port or 80)}

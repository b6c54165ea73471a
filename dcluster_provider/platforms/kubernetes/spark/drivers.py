"""The driver of a Spark job as a Kubernetes Job in client mode."""

from __future__ import annotations

import json
from typing import Any

from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.kubernetes_pods import PodRole
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.application import handed_environment
from dcluster_provider.engines.dependencies import packed_environment
from dcluster_provider.engines.spark.conf import Worker, job_settings, properties_text
from dcluster_provider.engines.spark.dependencies import (
    dependency_settings,
    executor_environment,
    with_installed_requirements,
    with_packed_environment,
)
from dcluster_provider.engines.spark.sizes import PYTHON_OVERHEAD, driver_size, overhead
from dcluster_provider.engines.spark.storage import FILE_SYSTEM_JAR, file_system_settings
from dcluster_provider.engines.sql_program import SQL_PROGRAM, sql_program
from dcluster_provider.platforms.kubernetes.manifests.application_files import (
    EXECUTOR_POD,
    FOLDER,
    PARTS_FOLDER,
    SPARK_SETTINGS,
    path_in_pod,
    put_together,
)
from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import Manifest, client_job, part_names
from dcluster_provider.platforms.kubernetes.manifests.dependencies import (
    INSTALLED,
    INSTALLED_ARCHIVE,
    location_in_pod,
    requirements_file,
)
from dcluster_provider.platforms.kubernetes.manifests.metadata import (
    Place,
    cluster_labels,
    job_labels,
    job_name,
)
from dcluster_provider.platforms.kubernetes.manifests.pod_blocks import image_in_blocks
from dcluster_provider.platforms.kubernetes.manifests.pod_templates import (
    SCRATCH,
    EngineContainer,
    pod_template,
)
from dcluster_provider.platforms.kubernetes.pods.pod import ENGINE_CONTAINER
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings
from dcluster_provider.platforms.kubernetes.spark.manifests import (
    CONF,
    DRIVER_UI_PORT,
    ENCODED_SECRET,
    MASTER_PORT,
    QUICK_JVM,
    SPARK_HOME,
)

# Settings of a cluster that mean only its own processes.
_OF_DAEMONS = frozenset({"spark.master.port", "spark.master.ui.port"})
_DEFAULTS = {
    "spark.ui.port": str(DRIVER_UI_PORT),
    "spark.jars.ivy": f"{SCRATCH}/ivy",  # the home of an image's user cannot be written
}
_FILE_SYSTEM = "s3.properties"  # what a driver is told besides when its image has no file system for S3
_ADD_FILE_SYSTEM = f"""\
compgen -G '{SPARK_HOME}/jars/{FILE_SYSTEM_JAR}' >/dev/null || cat {FOLDER}/{_FILE_SYSTEM} >>/tmp/spark.properties
"""
_SECURED = f"{CONF}/secured.properties"
_SUBMIT = f"""\
(umask 077 && cat SETTINGS >/tmp/spark.properties) || exit 1
PREPARE\
exec {SPARK_HOME}/bin/spark-submit --properties-file /tmp/spark.properties --conf spark.driver.host="$POD_IP" \
--conf spark.kubernetes.driver.pod.name="$POD_NAME" "$@"
"""
# Only the pod knows the values of secrets; written as Java reads properties.
_TELL_EXECUTORS = """\
for name in NAMES; do
    value=${!name}; value=${value//\\\\/\\\\\\\\}; value=${value//$'\\n'/\\\\n}; value=${value//$'\\r'/\\\\r}
    printf 'spark.executorEnv.%s=%s\\n' "$name" "${value/#' '/\\\\ }"
done >>/tmp/spark.properties || exit 1
"""
# For executors, which unpack no entry that is called "./".
_PACK = f"""\
(mkdir -p {INSTALLED} && cd {INSTALLED} && find . -mindepth 1 -maxdepth 1 -printf '%P\\0' |
    tar -cf {INSTALLED_ARCHIVE} --null --files-from=-) || exit 1
"""
DRIVER_PORTS = {"driver": 7078, "blocks": 7079}  # by which executors reach a driver
DRIVER_PORT_SETTINGS = {
    "spark.driver.port": str(DRIVER_PORTS["driver"]),
    "spark.driver.blockManager.port": str(DRIVER_PORTS["blocks"]),
}


def driver(
    settings: KubernetesSettings, job: Job, cluster: Cluster, place: Place, parts: int = 0
) -> Manifest:
    """The Kubernetes Job of a driver.

    :param parts: that its application travels in; 0 when it travels with the settings or not at all.
    """
    application = path_in_pod(job.spec, parts)
    own = settings.makes_own_executors(cluster.spec)
    spec = job.spec
    is_python, is_sql = spec.application_kind != "jar", spec.application_kind == "sql"
    size = driver_size(job_settings(job, cluster, _OF_DAEMONS), is_python=is_python)
    arguments = ["--class", spec.main_class] if spec.main_class else []
    program = [f"{FOLDER}/{SQL_PROGRAM}"] if is_sql else []
    own_files = {job_name(job): FOLDER}
    container = EngineContainer(
        image=_image(settings, job, cluster),
        script=_submit(cluster, spec, parts, own_executors=own),
        arguments=(*arguments, *program, application, *spec.args),
        cpu=str(size.cores),
        mib=size.mib,
        env=handed_environment(job, cluster)
        | {
            "DCLUSTER_APPLICATION": application,
            "HOME": "/tmp",  # noqa: S108 - a volume of the pod's own
            "PYTHONUNBUFFERED": "1",
            "SPARK_LAUNCHER_OPTS": QUICK_JVM,
            "SPARK_LOCAL_DIRS": f"{SCRATCH}/local",
        },
        ports={"ui": DRIVER_UI_PORT} | (DRIVER_PORTS if cluster.is_external else {}),
        secrets=own_files if cluster.is_external else {cluster.name: CONF} | own_files,
        parts=(PARTS_FOLDER, part_names(job, parts)),
    )
    template = pod_template(
        settings,
        cluster,
        "driver",
        container,
        job_labels(job, cluster, "driver"),
        job=job,
        service_account=settings.driver_service_account if own else "",
        grace_seconds=10,
    )
    return client_job(job, cluster, place, template)


def pods_of_job(settings: KubernetesSettings, cluster: Cluster) -> dict[PodRole, dict[str, Any]]:
    """Templates of the pods of a job that is not known yet, as large as they usually are: the driver and its executors.

    Its own settings may make them larger or smaller.
    """
    heap, worker = round(cluster.spec.driver_mem_gb * 1024), Worker.of(cluster.spec)
    sizes: dict[PodRole, tuple[str, int]] = {"driver": ("1", heap + overhead(heap, PYTHON_OVERHEAD))}
    if settings.makes_own_executors(cluster.spec):
        sizes["executor"] = (cluster.spec.worker_cpu, worker.mib + overhead(worker.mib))
    return {
        role: pod_template(
            settings,
            cluster,
            role,
            EngineContainer(settings.image(cluster.spec), "", (), cpu, mib, {}),
            cluster_labels(cluster, role),
        )
        for role, (cpu, mib) in sizes.items()
    }


def driver_files(settings: KubernetesSettings, job: Job, cluster: Cluster) -> dict[str, str]:
    """The files of a driver's Secret but its application."""
    files = requirements_file(job.spec)
    if job.spec.application_kind == "sql":
        files[SQL_PROGRAM] = sql_program(job.spec)
    if settings.makes_own_executors(cluster.spec):
        executor = executor_pod(settings, job, cluster)
        wanted = own_executor_settings(settings, job, cluster, executor)
        files[EXECUTOR_POD] = json.dumps(executor)
    else:
        wanted = driver_settings(job, cluster)
    if _reads_s3(cluster, job.spec):
        release = settings.version(cluster.type, cluster.spec.engine_version).release
        files[_FILE_SYSTEM] = properties_text(file_system_settings(wanted, release.s3_packages))
    return files | {SPARK_SETTINGS: properties_text(wanted)}


def driver_settings(job: Job, cluster: Cluster) -> dict[str, str]:
    """The Spark settings of a job on a standalone cluster, without what its pod adds when it starts."""
    wanted = _with_dependencies(_DEFAULTS | job_settings(job, cluster, _OF_DAEMONS), job.spec)
    wanted |= {
        "spark.master": f"spark://{cluster.name}:{MASTER_PORT}",
        "spark.submit.deployMode": "client",
    }
    wanted = executor_environment(wanted, job.spec.env, _secret_variables(job.spec))
    return wanted | (external_driver_settings(cluster) if cluster.is_external else {})


def own_executor_settings(
    settings: KubernetesSettings, job: Job, cluster: Cluster, executor: dict[str, Any]
) -> dict[str, str]:
    """The Spark settings of a driver that makes its own executors."""
    labels = {
        f"spark.kubernetes.executor.label.{name}": value
        for name, value in executor["metadata"]["labels"].items()
    }
    (engine,) = (each for each in executor["spec"]["containers"] if each["name"] == ENGINE_CONTAINER)
    defaults = {
        **_DEFAULTS,
        **({} if job.spec.max_workers else {"spark.executor.instances": str(cluster.spec.workers)}),
        "spark.kubernetes.executor.request.cores": engine["resources"]["requests"]["cpu"],
        # A job of few executors had better have them all at once than in batches.
        "spark.kubernetes.allocation.batch.size": "50",
        "spark.kubernetes.executor.missingPodDetectDelta": "60s",
    }
    if "cpu" in engine["resources"]["limits"]:
        defaults["spark.kubernetes.executor.limit.cores"] = engine["resources"]["limits"]["cpu"]
    wanted = _with_dependencies(defaults | job_settings(job, cluster, _OF_DAEMONS), job.spec)
    return (
        wanted
        | labels
        | {
            "spark.master": "k8s://https://kubernetes.default.svc",
            "spark.submit.deployMode": "client",
            "spark.kubernetes.namespace": settings.namespace_of(cluster.spec),
            "spark.kubernetes.container.image": image_in_blocks("executor", cluster.spec, job.spec)
            or _image(settings, job, cluster),
            "spark.kubernetes.executor.podNamePrefix": job_name(job),
            "spark.kubernetes.executor.podTemplateFile": f"{FOLDER}/{EXECUTOR_POD}",
            "spark.kubernetes.executor.podTemplateContainerName": ENGINE_CONTAINER,
            # What a failed executor says is looked at when the driver has failed.
            "spark.kubernetes.executor.deleteOnTermination": "false",
            "spark.kubernetes.authenticate.executor.serviceAccountName": settings.service_account
            or "default",
        }
    )


def _with_dependencies(settings: dict[str, str], spec: JobSpec) -> dict[str, str]:
    wanted = settings | dependency_settings(spec, lambda each: location_in_pod(spec, each))
    packed = packed_environment(spec)
    if packed is not None:
        return with_packed_environment(wanted, location_in_pod(spec, packed), INSTALLED)
    return with_installed_requirements(wanted, INSTALLED_ARCHIVE) if spec.requirements else wanted


def executor_pod(settings: KubernetesSettings, job: Job, cluster: Cluster) -> dict[str, Any]:
    """The template of the executors that a driver makes; Spark adds its command, its memory and its environment."""
    worker = Worker.of(cluster.spec)
    container = EngineContainer(
        image=_image(settings, job, cluster),
        script="",
        arguments=(),
        cpu=cluster.spec.worker_cpu,
        mib=worker.mib + overhead(worker.mib),
        env={"HOME": "/tmp"},  # noqa: S108
    )
    labels = job_labels(job, cluster, "executor")
    template = pod_template(settings, cluster, "executor", container, labels, job=job)
    (engine,) = (each for each in template["spec"]["containers"] if each["name"] == ENGINE_CONTAINER)
    # An executor does not read the file that the driver reads: it would have to know its master for that.
    secret = {"secretKeyRef": {"name": cluster.name, "key": ENCODED_SECRET}}
    engine["env"].append({"name": "_SPARK_AUTH_SECRET", "valueFrom": secret})
    for decided_by_spark in ("command", "args", "ports", "image"):
        engine.pop(decided_by_spark, None)
    return {"apiVersion": "v1", "kind": "Pod", **template}


def _reads_s3(cluster: Cluster, spec: JobSpec) -> bool:
    return bool(spec.storage_conn_id or cluster.spec.storage_conn_id)


def _secret_variables(spec: JobSpec) -> list[str]:
    return [each["env"] for each in spec.secrets if "env" in each]


def _submit(cluster: Cluster, spec: JobSpec, parts: int, *, own_executors: bool) -> str:
    """The script of a driver's pod; whoever runs an external cluster knows what its processes know each other by."""
    files = [f"{FOLDER}/{SPARK_SETTINGS}", *([] if cluster.is_external else [_SECURED])]
    prepared = put_together(spec, parts) + (
        _PACK if spec.requirements and packed_environment(spec) is None else ""
    )
    if _reads_s3(cluster, spec):
        prepared += _ADD_FILE_SYSTEM
    if not own_executors and _secret_variables(spec):  # own executors have them from their pods
        prepared += _TELL_EXECUTORS.replace("NAMES", " ".join(_secret_variables(spec)))
    return _SUBMIT.replace("SETTINGS", " ".join(files), 1).replace("PREPARE", prepared, 1)


def _image(settings: KubernetesSettings, job: Job, cluster: Cluster) -> str:
    return job.spec.docker_image_name or settings.image(cluster.spec)


def external_driver_settings(cluster: Cluster) -> dict[str, str]:
    """The Spark settings of a driver that the cluster decides, and the ports at which executors come to its pod."""
    return {"spark.master": cluster.master_url} | DRIVER_PORT_SETTINGS

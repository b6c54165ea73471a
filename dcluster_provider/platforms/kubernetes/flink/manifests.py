"""A Flink session cluster as Kubernetes objects, and where the savepoints of its jobs go."""

from __future__ import annotations

from typing import Any

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.core.sizing import memory_bytes
from dcluster_provider.engines.flink.conf import (
    DAEMON_LOGGING,
    JVM_OPTIONS,
    SLOTS,
    configuration_text,
    defaults,
    min_slots,
    slots_per_worker,
)
from dcluster_provider.engines.flink.savepoints import SAVEPOINT_FOLDER, savepoint_folder, with_default_folder
from dcluster_provider.engines.flink.storage import PLUGIN
from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import (
    Manifest,
    deployment,
    disruption_budget,
    network_policy,
    service,
)
from dcluster_provider.platforms.kubernetes.manifests.metadata import Place, cluster_labels
from dcluster_provider.platforms.kubernetes.manifests.pod_templates import (
    SCRATCH,
    EngineContainer,
    mib,
    pod_template,
    readiness,
)
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

REST_PORT, RPC_PORT, BLOB_PORT, WORKER_RPC_PORT = 8081, 6123, 6124, 6122
PORT_SETTINGS = {
    "jobmanager.rpc.port": str(RPC_PORT),
    "taskmanager.rpc.port": str(WORKER_RPC_PORT),
    "rest.port": str(REST_PORT),
    "blob.server.port": str(BLOB_PORT),
}
CONF = "/etc/dcluster/cluster"
FLINK_HOME = "/opt/flink"

# Flink's images have file systems ready as plug-ins, of which none is in use until it has a folder of its own.
_PLUGINS = f"{SCRATCH}/plugins"
WITH_FILE_SYSTEM = f"""\
mkdir -p {_PLUGINS} || exit 1
for folder in {FLINK_HOME}/plugins/*/; do [ ! -d "$folder" ] || ln -sfn "${{folder%/}}" {_PLUGINS}/; done
for jar in {FLINK_HOME}/opt/{PLUGIN}-*.jar; do
    if [ -e "$jar" ] && [ ! -e {FLINK_HOME}/plugins/{PLUGIN} ]; then
        mkdir -p {_PLUGINS}/{PLUGIN} && ln -sf "$jar" {_PLUGINS}/{PLUGIN}/
    fi
done
export FLINK_PLUGINS_DIR={_PLUGINS}
"""
_MASTER = f"exec {FLINK_HOME}/bin/jobmanager.sh start-foreground\n"
_MASTER_HA = f'exec {FLINK_HOME}/bin/jobmanager.sh start-foreground -D jobmanager.rpc.address="$POD_IP"\n'
_WORKER = (
    f"exec {FLINK_HOME}/bin/taskmanager.sh start-foreground "
    '-D taskmanager.host="$POD_IP" -D taskmanager.resource-id="$POD_NAME"\n'
)
# Ready is a cluster all of whose slots the JobManager itself reports.
_ALL_SLOTS = f"""\
exec 3<>/dev/tcp/127.0.0.1/{REST_PORT} && printf 'GET /overview HTTP/1.0\\r\\nHost: flink\\r\\n\\r\\n' >&3 || exit 1
[[ "$(cat <&3)" =~ \\"slots-total\\":([0-9]+) ]] && [ "${{BASH_REMATCH[1]}}" -ge "$0" ]
"""


def session(settings: KubernetesSettings, cluster: Cluster, place: Place) -> list[Manifest]:
    """Everything of a session cluster but its root and its Secret, in the order it is made in."""
    ports = {"rpc": RPC_PORT, "blob": BLOB_PORT, "rest": REST_PORT}
    return [
        service(cluster, place, ports),
        network_policy(settings, cluster, place, REST_PORT),
        disruption_budget(cluster, place),
        deployment(cluster, place, "master", _master_pod(settings, cluster)),
        deployment(cluster, place, "worker", _worker_pod(settings, cluster)),
    ]


def cluster_files(settings: KubernetesSettings, cluster: Cluster) -> dict[str, str]:
    """The files of a cluster's Secret: its configuration may hold passwords."""
    return {
        "config.yaml": configuration_text(cluster_settings(settings, cluster)),
        "log4j-console.properties": DAEMON_LOGGING,
    }


def cluster_settings(settings: KubernetesSettings, cluster: Cluster) -> dict[str, str]:
    """The Flink settings of a cluster: defaults, the user's, then what is decided here."""
    spec = cluster.spec
    fixed = PORT_SETTINGS | {
        "jobmanager.rpc.address": cluster.name,
        "jobmanager.bind-host": "0.0.0.0",  # noqa: S104 - of a pod, behind a network policy
        "jobmanager.memory.process.size": f"{mib(memory_bytes(spec.master_memory))}m",
        "taskmanager.bind-host": "0.0.0.0",  # noqa: S104
        "taskmanager.memory.process.size": f"{mib(memory_bytes(spec.worker_memory))}m",
        "rest.address": cluster.name,
        "rest.bind-address": "0.0.0.0",  # noqa: S104
        "rest.bind-port": str(REST_PORT),
        SLOTS: str(slots_per_worker(spec)),
        "io.tmp.dirs": f"{SCRATCH}/io",
        "web.upload.dir": f"{SCRATCH}/jars",
        "env.java.opts.all": " ".join(
            (*JVM_OPTIONS, spec.extra_configs.get("env.java.opts.all", ""))
        ).strip(),
    }
    given = spec.extra_configs
    if settings.flink_storage:
        given = with_default_folder(given, f"{_folder(settings, cluster)}/savepoints")
    return defaults(spec) | _storage(settings, cluster) | given | fixed


def _storage(settings: KubernetesSettings, cluster: Cluster) -> dict[str, str]:
    if not settings.flink_storage:
        return {}
    folder = _folder(settings, cluster)
    kept = {
        "execution.checkpointing.dir": f"{folder}/checkpoints",
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    }
    if not settings.flink_ha:
        return kept
    return kept | {
        "high-availability.type": "kubernetes",
        "high-availability.storageDir": f"{folder}/ha",
        "high-availability.kubernetes.leader-election.lease-duration": "6 s",
        "high-availability.kubernetes.leader-election.renew-deadline": "4 s",
        "high-availability.kubernetes.leader-election.retry-period": "1 s",
        "kubernetes.cluster-id": cluster.name,
        "kubernetes.namespace": settings.namespace_of(cluster.spec),
        # An id that has ended must stay ended, or a second submission would run it again.
        "job-result-store.delete-on-commit": "false",
    }


def _folder(settings: KubernetesSettings, cluster: Cluster) -> str:
    """What the cluster keeps in the connection's storage; it outlives the cluster."""
    return f"{settings.flink_storage.rstrip('/')}/{cluster.name}"


def _master_pod(settings: KubernetesSettings, cluster: Cluster) -> dict[str, Any]:
    container = EngineContainer(
        image=settings.image(cluster.spec),
        script=WITH_FILE_SYSTEM + (_MASTER_HA if settings.flink_ha else _MASTER),
        arguments=(),
        cpu=cluster.spec.master_cpu,
        mib=mib(memory_bytes(cluster.spec.master_memory)),
        env=environment(),
        ports={"rpc": RPC_PORT, "blob": BLOB_PORT, "rest": REST_PORT},
        probes=readiness(_ALL_SLOTS, str(min_slots(cluster.spec)), "/overview", REST_PORT),
        secrets={cluster.name: CONF},
    )
    return pod_template(
        settings,
        cluster,
        "master",
        container,
        cluster_labels(cluster, "master"),
        service_account=_account(settings),
    )


def _worker_pod(settings: KubernetesSettings, cluster: Cluster) -> dict[str, Any]:
    container = EngineContainer(
        image=settings.image(cluster.spec),
        script=WITH_FILE_SYSTEM + _WORKER,
        arguments=(),
        cpu=cluster.spec.worker_cpu,
        mib=mib(memory_bytes(cluster.spec.worker_memory)),
        env=environment(),
        ports={"rpc": WORKER_RPC_PORT},
        probes={
            "readinessProbe": {
                "tcpSocket": {"port": WORKER_RPC_PORT},
                "periodSeconds": 2,
                "timeoutSeconds": 5,
            }
        },
        secrets={cluster.name: CONF},
    )
    return pod_template(
        settings,
        cluster,
        "worker",
        container,
        cluster_labels(cluster, "worker"),
        service_account=_account(settings),
    )


def _account(settings: KubernetesSettings) -> str:
    """High availability keeps its leaders in ConfigMaps, which takes a token."""
    return settings.service_account if settings.flink_ha else ""


def environment() -> dict[str, str]:
    """What Flink's scripts are told, so that they write only where a pod may."""
    return {
        "FLINK_CONF_DIR": CONF,
        "FLINK_LOG_DIR": "/tmp/log",  # noqa: S108 - a volume of the pod's own
        "HOME": "/tmp",  # noqa: S108
    }


def job_savepoint_folder(settings: KubernetesSettings, job: Job, cluster: Cluster) -> str:
    """The folder that savepoints of a job go to: the connection's flink_storage, unless a setting names one.

    :raises InvalidSpec: a setting names one that cannot be, or none does and somebody else runs the cluster.
    """
    if not cluster.is_external:
        return savepoint_folder(job, cluster_settings(settings, cluster))
    folder = savepoint_folder(job, {})
    if not folder:
        raise InvalidSpec(
            f"field savepoint: nothing says where savepoints of {job} go, and somebody else runs its cluster; set "
            f"{SAVEPOINT_FOLDER} in extraCmd of the job"
        )
    return folder

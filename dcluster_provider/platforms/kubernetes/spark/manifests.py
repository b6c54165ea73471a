"""A Spark standalone cluster as Kubernetes objects."""

from __future__ import annotations

import base64
from typing import Any

from dcluster_provider.core.record import Cluster
from dcluster_provider.core.sizing import memory_bytes
from dcluster_provider.engines.spark.conf import EXIT_ON_FULL_HEAP, Worker, daemon_settings, properties_text
from dcluster_provider.engines.spark.sizes import worker_heap_mib, worker_pod_mib
from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import (
    Manifest,
    deployment,
    disruption_budget,
    network_policy,
    service,
)
from dcluster_provider.platforms.kubernetes.manifests.metadata import Place, cluster_labels
from dcluster_provider.platforms.kubernetes.manifests.pod_templates import (
    GRACE_SECONDS,
    SCRATCH,
    EngineContainer,
    mib,
    pod_template,
    readiness,
)
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

MASTER_PORT, UI_PORT, WORKER_UI_PORT, DRIVER_UI_PORT = 7077, 8080, 8081, 4040
PORT_SETTINGS = {
    "spark.master.port": str(MASTER_PORT),
    "spark.master.ui.port": str(UI_PORT),
    "spark.worker.ui.port": str(WORKER_UI_PORT),
}
CONF = "/etc/dcluster/cluster"
SPARK_HOME = "/opt/spark"
SHARED_SECRET, ENCODED_SECRET = "shared-secret", "shared-secret.base64"  # names of files
# A master and a worker do little for long, and what only builds their command line even less: they start soon so.
QUICK_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"

_MASTER = f"""\
exec {SPARK_HOME}/bin/spark-class org.apache.spark.deploy.master.Master --host "$POD_IP" --port {MASTER_PORT} \
--webui-port {UI_PORT} --properties-file {CONF}/daemon.properties
"""
# A worker that asks before the master listens asks again only after 5 to 15 seconds.
_WORKER = f"""\
until (: <"/dev/tcp/$1/{MASTER_PORT}") 2>/dev/null; do sleep 0.2; done
exec {SPARK_HOME}/bin/spark-class org.apache.spark.deploy.worker.Worker --host "$POD_IP" --webui-port {WORKER_UI_PORT} \
--cores "$2" --memory "$3M" --work-dir {SCRATCH}/work --properties-file {CONF}/daemon.properties "spark://$1:{MASTER_PORT}"
"""
# Ready is a cluster all of whose workers the master itself reports.
_ALL_WORKERS = f"""\
exec 3<>/dev/tcp/127.0.0.1/{UI_PORT} && printf 'GET /json/ HTTP/1.0\\r\\n\\r\\n' >&3 || exit 1
[[ "$(cat <&3)" =~ \\"aliveworkers\\"\\ *:\\ *([0-9]+) ]] && [ "${{BASH_REMATCH[1]}}" -ge "$0" ]
"""


# A worker that has to leave tells its master, and stays until its executors have given their blocks to others: as long
# as there is a master, and with it a cluster.
_DECOMMISSION = f"""\
running() {{  # the last letter in brackets: this script is not what it looks for
    for each in /proc/[0-9]*; do
        tr '\\0' ' ' <$each/cmdline 2>/dev/null | grep -q "$1" && echo "${{each#/proc/}}"
    done
}}
kill -PWR $(running 'deploy[.]worker[.]Worke[r] ')
sleep 2
while [ "$(running 'CoarseGrainedExecutorBacken[d]')" ] && (: <"/dev/tcp/$0/{MASTER_PORT}") 2>/dev/null; do
    sleep 0.5
done
"""
_DECOMMISSION_SECONDS = 120
# A master that was started anew has another address, and the same name.
_FRESH_NAMES = "-Dsun.net.inetaddr.ttl=3"  # seconds
_BY_NAME = {"spark.worker.preferConfiguredMasterAddress": "true"}
# Nobody but the master reaches the pages of its workers, on which the logs of executors are.
_PROXY = {"spark.ui.reverseProxy": "true"}
_SECURED = {"spark.authenticate": "true", "spark.network.crypto.enabled": "true"}


def standalone(settings: KubernetesSettings, cluster: Cluster, place: Place) -> list[Manifest]:
    """Everything of a standalone cluster but its root and its Secret, in the order it is made in."""
    ports = {"spark": MASTER_PORT, "ui": UI_PORT}
    return [
        service(cluster, place, ports),
        network_policy(settings, cluster, place, UI_PORT),
        disruption_budget(cluster, place),
        deployment(cluster, place, "master", _master_pod(settings, cluster)),
        deployment(cluster, place, "worker", _worker_pod(settings, cluster)),
    ]


def around_driver(settings: KubernetesSettings, cluster: Cluster, place: Place) -> list[Manifest]:
    """What a driver that makes its own executors has around it; its pods come with it."""
    return [network_policy(settings, cluster, place, DRIVER_UI_PORT)]


def cluster_files(cluster: Cluster, shared_secret: str) -> dict[str, str]:
    """The files of a cluster's Secret.

    :param shared_secret: what the cluster's processes know each other by; decided once.
    """
    secured = _SECURED | {"spark.authenticate.secret": shared_secret}
    return {
        "daemon.properties": properties_text(daemon_settings(cluster.spec, _BY_NAME | _PROXY) | secured),
        "secured.properties": properties_text(secured),
    }


def own_executor_files(shared_secret: str) -> dict[str, str]:
    """The files of the Secret of a driver that makes its own executors; they read it, so no manifest shows it.

    A driver takes what stands in its file in base 64; an executor takes what it is told as it is.
    """
    secured = _SECURED | {"spark.authenticate.secret.file": f"{CONF}/{SHARED_SECRET}"}
    return {
        "secured.properties": properties_text(secured),
        SHARED_SECRET: shared_secret,
        ENCODED_SECRET: base64.b64encode(shared_secret.encode()).decode(),
    }


def _master_pod(settings: KubernetesSettings, cluster: Cluster) -> dict[str, Any]:
    memory = mib(memory_bytes(cluster.spec.master_memory))
    container = EngineContainer(
        image=settings.image(cluster.spec),
        script=_MASTER,
        arguments=(),
        cpu=cluster.spec.master_cpu,
        mib=memory,
        env=_environment(max(192, memory * 3 // 4)),
        ports={"spark": MASTER_PORT, "ui": UI_PORT},
        probes=readiness(_ALL_WORKERS, str(cluster.spec.min_size), "/json/", UI_PORT),
        secrets={cluster.name: CONF},
    )
    return pod_template(settings, cluster, "master", container, cluster_labels(cluster, "master"))


def _worker_pod(settings: KubernetesSettings, cluster: Cluster) -> dict[str, Any]:
    worker = Worker.of(cluster.spec)
    container = EngineContainer(
        image=settings.image(cluster.spec),
        script=_WORKER,
        arguments=(cluster.name, str(worker.cores), str(worker.mib)),
        cpu=cluster.spec.worker_cpu,
        mib=worker_pod_mib(cluster.spec),
        env=_environment(worker_heap_mib(cluster.spec)) | {"SPARK_LOCAL_DIRS": f"{SCRATCH}/local"},
        ports={"ui": WORKER_UI_PORT},
        probes={
            "readinessProbe": {
                "httpGet": {"path": "/json/", "port": WORKER_UI_PORT},
                "periodSeconds": 2,
                "timeoutSeconds": 5,
            }
        },
        secrets={cluster.name: CONF},
        pre_stop=(_DECOMMISSION, cluster.name) if cluster.spec.is_elastic else (),
    )
    return pod_template(
        settings,
        cluster,
        "worker",
        container,
        cluster_labels(cluster, "worker"),
        grace_seconds=_DECOMMISSION_SECONDS if cluster.spec.is_elastic else GRACE_SECONDS,
    )


def _environment(heap_mib: int) -> dict[str, str]:
    return {
        "SPARK_DAEMON_MEMORY": f"{heap_mib}m",
        "SPARK_DAEMON_JAVA_OPTS": f"{EXIT_ON_FULL_HEAP} {QUICK_JVM} {_FRESH_NAMES}",
        "SPARK_LAUNCHER_OPTS": QUICK_JVM,
        "HOME": "/tmp",  # noqa: S108 - a volume of the pod's own
    }

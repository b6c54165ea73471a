"""The pods of clusters and jobs: what all of them have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.identity import NODES_OF
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.kubernetes_pods import PodRole
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.core.sizing import MIB
from dcluster_provider.platforms.kubernetes.manifests.metadata import PREFIX, job_name
from dcluster_provider.platforms.kubernetes.manifests.overlay import overlaid
from dcluster_provider.platforms.kubernetes.manifests.pod_blocks import environment_patch, with_blocks
from dcluster_provider.platforms.kubernetes.pods.pod import ENGINE_CONTAINER
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

PART = "part"  # the file of a Secret that holds a part of something larger
SCRATCH = "/var/dcluster"  # where a pod may write whatever it needs while it lives
GRACE_SECONDS = 5  # that a pod's processes have to leave by themselves
_USERS = PREFIX + "users"  # annotation: the pod's /etc/passwd
_LOCALE = {
    "LC_ALL": "C.UTF-8"
}  # or Java makes question marks of letters beyond ASCII, in images that set none
_SPOT = {
    "karpenter.sh/capacity-type": "spot",
    "eks.amazonaws.com/capacityType": "SPOT",
    "cloud.google.com/gke-spot": "true",
    "cloud.google.com/gke-preemptible": "true",
}


@dataclass(frozen=True)
class EngineContainer:
    """What is particular to the engine's container of a pod.

    :param script: of bash; its arguments are ``arguments``.
    :param cpu: requested, a quantity.
    :param mib: memory requested and limited to, in MiB.
    :param ports: by name.
    :param probes: ``startupProbe`` and so on.
    :param secrets: folders in which Secrets are mounted, by the Secret's name.
    :param pre_stop: what is run in it before it is told to leave: a script of bash and its ``$0``.
    :param parts: a folder, and the Secrets whose one file each is mounted in it, in this order.
    """

    image: str
    script: str
    arguments: Sequence[str]
    cpu: str
    mib: int
    env: Mapping[str, str]
    ports: Mapping[str, int] = field(default_factory=dict)
    probes: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    pre_stop: tuple[str, ...] = ()
    parts: tuple[str, Sequence[str]] = ("", ())


def pod_template(
    settings: KubernetesSettings,
    cluster: Cluster,
    role: PodRole,
    container: EngineContainer,
    labels: Mapping[str, str],
    *,
    job: Job | None = None,
    service_account: str = "",
    grace_seconds: int = GRACE_SECONDS,
) -> dict[str, Any]:
    """The template of a pod that restricted Pod Security admits, with what is laid over it.

    First what the connection says of all pods, then what the specifications of the cluster and of the job say.

    :param job: whose pod it is; none for those of the cluster itself.
    :param service_account: one whose token the pod needs; empty means the connection's, without a token.
    :param grace_seconds: that its processes have to leave by themselves.
    """
    user = settings.user(cluster.spec.engine)
    account = service_account or settings.service_account
    spec: dict[str, Any] = {
        "automountServiceAccountToken": bool(service_account),
        "enableServiceLinks": False,  # a Service's variables are taken for settings by Spark
        "terminationGracePeriodSeconds": grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            **({"runAsUser": user, "runAsGroup": user, "fsGroup": user} if user else {}),
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_engine(settings, container)],
        "volumes": [
            {"name": "scratch", **_scratch(settings, cluster, role)},
            {"name": "tmp", "emptyDir": {}},
            *(
                {"name": f"secret-{number}", "secret": {"secretName": name, "defaultMode": 0o440}}
                for number, name in enumerate(container.secrets)
            ),
            *([_parts(container.parts[1])] if container.parts[1] else []),
        ],
    }
    if account:
        spec["serviceAccountName"] = account
    if cluster.spec.use_on_demand_master and role in {"master", "driver"}:
        spec["affinity"] = _on_demand()
    evictable = "true" if role in {"worker", "executor"} else "false"
    template: dict[str, Any] = {
        "metadata": {
            "labels": dict(labels),
            "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": evictable},
        },
        "spec": spec,
    }
    unnamed = settings.unnamed_user(cluster.spec.engine)
    if unnamed is not None:
        _name_user(template, unnamed)
    if settings.has_own_nodes(cluster.spec) and role in {"master", "worker"}:
        template = overlaid(template, _own_nodes(cluster))
    template = overlaid(overlaid(template, settings.common_pod), settings.overlay)
    specs: dict[str, ClusterSpec | JobSpec] = {cluster.name: cluster.spec}
    if job is not None:
        specs[job_name(job)] = job.spec
    return overlaid(with_blocks(template, role, *specs.values()), environment_patch(specs))


def _engine(settings: KubernetesSettings, container: EngineContainer) -> dict[str, Any]:
    memory = f"{container.mib}Mi"
    env = [{"name": name, "value": _literal(value)} for name, value in {**_LOCALE, **container.env}.items()]
    env += [_field("POD_IP", "status.podIP"), _field("POD_NAME", "metadata.name")]
    mounts: list[dict[str, Any]] = [
        {"name": "scratch", "mountPath": SCRATCH},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
    ]
    mounts += [
        {"name": f"secret-{number}", "mountPath": folder, "readOnly": True}
        for number, folder in enumerate(container.secrets.values())
    ]
    if container.parts[1]:
        mounts.append({"name": "parts", "mountPath": container.parts[0], "readOnly": True})
    limits = {"memory": memory}
    cpu_limit = settings.cpu_limit_of(container.cpu)
    if cpu_limit is not None:
        limits["cpu"] = cpu_limit
    engine: dict[str, Any] = {
        "name": ENGINE_CONTAINER,
        "image": container.image,
        "command": ["/bin/bash", "-c", container.script, "bash"],
        "args": [_literal(each) for each in container.arguments],
        "workingDir": SCRATCH,
        "env": env,
        "ports": [{"name": name, "containerPort": port} for name, port in container.ports.items()],
        "resources": {"requests": {"cpu": container.cpu, "memory": memory}, "limits": limits},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
        **container.probes,
    }
    if container.pre_stop:
        engine["lifecycle"] = {"preStop": {"exec": {"command": ["/bin/bash", "-c", *container.pre_stop]}}}
    if settings.image_pull_policy:
        engine["imagePullPolicy"] = settings.image_pull_policy
    return engine


def _name_user(template: dict[str, Any], user: int) -> None:
    """Give a user that the image does not know a name and a home, without which Java and Hadoop do not start."""
    known = f"root:x:0:0:root:/root:/sbin/nologin\nengine:x:{user}:{user}:engine:/tmp:/sbin/nologin\n"
    template["metadata"]["annotations"][_USERS] = known
    source = {"path": "passwd", "fieldRef": {"fieldPath": f"metadata.annotations['{_USERS}']"}}
    spec = template["spec"]
    spec["volumes"].append({"name": "users", "downwardAPI": {"items": [source]}})
    mount = {"name": "users", "mountPath": "/etc/passwd", "subPath": "passwd", "readOnly": True}
    spec["containers"][0]["volumeMounts"].append(mount)


def _literal(text: str) -> str:
    """A text that Kubernetes hands on as it is: by itself it replaces ``$(NAME)``, and ``$$`` by ``$``."""
    return text.replace("$", "$$")


def _parts(names: Sequence[str]) -> dict[str, Any]:
    sources = [
        {"secret": {"name": name, "items": [{"key": PART, "path": f"{number:03}"}]}}
        for number, name in enumerate(names)
    ]
    return {"name": "parts", "projected": {"sources": sources, "defaultMode": 0o440}}


def _scratch(settings: KubernetesSettings, cluster: Cluster, role: PodRole) -> dict[str, Any]:
    if not cluster.spec.launch_dynamic_disk or role not in {"worker", "executor"}:
        return {"emptyDir": {}}
    claim: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": settings.disk_size}},
    }
    if settings.storage_class:
        claim["storageClassName"] = settings.storage_class
    return {"ephemeral": {"volumeClaimTemplate": {"spec": claim}}}


def _own_nodes(cluster: Cluster) -> dict[str, Any]:
    tolerated = {"key": NODES_OF, "operator": "Equal", "value": cluster.name, "effect": "NoSchedule"}
    return {"spec": {"nodeSelector": {NODES_OF: cluster.name}, "tolerations": [tolerated]}}


def _on_demand() -> dict[str, Any]:
    # NotIn also admits nodes without the label: where nothing says spot, nothing is.
    wanted = [{"key": key, "operator": "NotIn", "values": [spot]} for key, spot in _SPOT.items()]
    terms = {"nodeSelectorTerms": [{"matchExpressions": wanted}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def _field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def mib(size: int) -> int:
    """Bytes as whole MiB."""
    return size // MIB


def readiness(script: str, argument: str, path: str, port: int) -> dict[str, Any]:
    """The probes of a master: a script until all its workers have joined, then what costs the node less.

    :param script: of bash, which succeeds when all are there.
    :param path: of HTTP, at which the master answers while it is well.
    """
    joined = {"exec": {"command": ["/bin/bash", "-c", script, argument]}}
    well = {"httpGet": {"path": path, "port": port}, "timeoutSeconds": 5}
    return {
        "startupProbe": joined
        | {"initialDelaySeconds": 2, "periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 86400},
        "readinessProbe": well | {"periodSeconds": 5},
        "livenessProbe": well | {"periodSeconds": 15, "failureThreshold": 8},
    }

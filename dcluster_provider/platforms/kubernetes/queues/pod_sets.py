"""All pods of a cluster as a queue counts them: those of each role, how many, and what each of them asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.kubernetes_pods import PodRole
from dcluster_provider.core.record import Cluster
from dcluster_provider.core.sizing import amount
from dcluster_provider.platforms.kubernetes.engine_table import pod_engine
from dcluster_provider.platforms.kubernetes.manifests.metadata import ROLE, Place
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

Json = dict[str, Any]
# What decides where a pod may run and what it uses there.
_OF_PODS = (
    "nodeSelector",
    "affinity",
    "tolerations",
    "topologySpreadConstraints",
    "priorityClassName",
    "overhead",
)
_OF_CONTAINERS = ("name", "image", "resources", "restartPolicy")


@dataclass(frozen=True)
class PodSet:
    """The pods of one role.

    :param spec: of each of them, no more than a queue has to know.
    """

    role: PodRole
    count: int
    spec: Json

    @property
    def requests(self) -> dict[str, str]:
        """What the containers of one pod ask for together, quantities by resources."""
        asked: dict[str, list[str]] = {}
        for container in self.spec["containers"]:
            resources = container.get("resources") or {}
            for name, quantity in {
                **(resources.get("limits") or {}),
                **(resources.get("requests") or {}),
            }.items():
                asked.setdefault(name, []).append(quantity)
        return {name: _sum(quantities) for name, quantities in asked.items()}


def pod_sets(settings: KubernetesSettings, cluster: Cluster) -> list[PodSet]:
    """Every pod that a cluster ever has at a time, with those that its one job adds.

    An elastic cluster counts with its most workers.
    """
    engine, place = pod_engine(cluster.spec), Place(settings.namespace_of(cluster.spec))
    manifests = engine.cluster_manifests(settings, cluster, place)
    templates = [each["spec"]["template"] for each in manifests if each["kind"] == "Deployment"]
    sets = [_pod_set(template["metadata"]["labels"][ROLE], template, cluster.spec) for template in templates]
    if cluster.spec.single_job:
        of_job = engine.job_pods(settings, cluster)
        sets += [_pod_set(role, template, cluster.spec) for role, template in of_job.items()]
    return sets


def _pod_set(role: PodRole, template: Mapping[str, Any], spec: ClusterSpec) -> PodSet:
    pod = template["spec"]
    reduced: Json = {name: pod[name] for name in _OF_PODS if pod.get(name)}
    for kind in ("initContainers", "containers"):
        if pod.get(kind):
            reduced[kind] = [_reduced(container) for container in pod[kind]]
    return PodSet(role, spec.max_size if role in {"worker", "executor"} else 1, reduced)


def _reduced(container: Mapping[str, Any]) -> Json:
    return {name: container[name] for name in _OF_CONTAINERS if container.get(name)}


def _sum(quantities: Iterable[str]) -> str:
    total = sum(amount(each) for each in quantities)
    return f"{total:f}".rstrip("0").rstrip(".") if "." in f"{total:f}" else f"{total:f}"

"""YuniKorn and Volcano: schedulers that place the pods of a cluster together, by what the pods and a group say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from dcluster_provider.core.identity import label_value
from dcluster_provider.core.record import Cluster
from dcluster_provider.core.sizing import amount
from dcluster_provider.platforms.kubernetes.manifests.metadata import Place, cluster_labels, metadata
from dcluster_provider.platforms.kubernetes.manifests.overlay import overlaid
from dcluster_provider.platforms.kubernetes.queues.added_fields import with_fields
from dcluster_provider.platforms.kubernetes.queues.pod_sets import PodSet

Json = dict[str, Any]
_YUNIKORN = "yunikorn.apache.org"
_PLACING = ("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints")


def with_yunikorn(cluster: Cluster, queue_name: str, sets: Sequence[PodSet]) -> Cluster:
    """A cluster whose pods YuniKorn places, as one application with a group of pods for each role."""
    groups = [
        {"name": each.role, "minMember": each.count, "minResource": each.requests}
        | {field: each.spec[field] for field in _PLACING if field in each.spec}
        for each in sets
    ]
    labels = {f"{_YUNIKORN}/app-id": label_value(cluster.name), f"{_YUNIKORN}/queue": queue_name}
    annotations = {f"{_YUNIKORN}/task-groups": json.dumps(groups)}
    roles: Json = {each.role: {"annotations": {f"{_YUNIKORN}/task-group-name": each.role}} for each in sets}
    return _scheduled(cluster, "yunikorn", {"labels": labels, "annotations": annotations}, roles)


def with_volcano(cluster: Cluster) -> Cluster:
    """A cluster whose pods Volcano places, as members of the cluster's PodGroup."""
    return _scheduled(cluster, "volcano", {"annotations": {"scheduling.k8s.io/group-name": cluster.name}}, {})


def pod_group(cluster: Cluster, place: Place, queue_name: str, sets: Sequence[PodSet]) -> Json:
    """Volcano's PodGroup: master and workers start together, once there is room for the job's pods, too."""
    asked: dict[str, Decimal] = {}
    for each in sets:
        for name, quantity in each.requests.items():
            asked[name] = asked.get(name, Decimal(0)) + each.count * amount(quantity)
    started = {"master": 1, "worker": cluster.spec.min_size}
    together = sum(started.get(each.role, 0) for each in sets)
    spec: Json = {
        "minMember": max(together, 1),
        "queue": queue_name,
        "minResources": {name: f"{total:f}" for name, total in asked.items()},
    }
    if cluster.spec.priority_class_name:
        spec["priorityClassName"] = cluster.spec.priority_class_name
    return {
        "apiVersion": "scheduling.volcano.sh/v1beta1",
        "kind": "PodGroup",
        "metadata": metadata(cluster.name, place, cluster_labels(cluster)),
        "spec": spec,
    }


def _scheduled(cluster: Cluster, scheduler: str, every: Json, roles: Json) -> Cluster:
    pod: Json = {"schedulerName": scheduler}
    if cluster.spec.priority_class_name:
        pod["priorityClassName"] = cluster.spec.priority_class_name
    placed = with_fields(cluster, every, roles)
    said = placed.spec.kubernetes
    block = said | {"podTemplate": overlaid({"spec": pod}, said.get("podTemplate") or {})}
    return replace(placed, spec=placed.spec.model_copy(update={"kubernetes": block}))

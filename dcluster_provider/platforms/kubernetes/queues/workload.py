"""The Workload of a cluster, by which Kueue counts all its pods, and what its status means; no input or output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from dcluster_provider.core.record import Cluster
from dcluster_provider.platforms.kubernetes.manifests.metadata import Place, cluster_labels, metadata
from dcluster_provider.platforms.kubernetes.queues.added_fields import joined
from dcluster_provider.platforms.kubernetes.queues.pod_sets import PodSet

Json = dict[str, Any]
_PLACING = ("nodeSelector", "tolerations", "labels", "annotations")


def workload(
    cluster: Cluster, place: Place, queue_name: str, sets: Iterable[PodSet], priority: int | None
) -> Json:
    """The Workload that stands in a queue for all pods of a cluster.

    :param priority: that the cluster's priority class stands for; none when it has none.
    """
    spec: Json = {
        "queueName": queue_name,
        "podSets": [
            {"name": each.role, "count": each.count, "template": {"spec": each.spec}} for each in sets
        ],
    }
    if priority is not None:
        named = {
            "group": "kueue.x-k8s.io",
            "kind": "WorkloadPriorityClass",
            "name": cluster.spec.priority_class_name,
        }
        spec |= {"priority": priority, "priorityClassRef": named}
    return {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "Workload",
        "metadata": metadata(cluster.name, place, cluster_labels(cluster)),
        "spec": spec,
    }


def condition(found: Json, name: str) -> Json | None:
    """A condition of a Workload, if it is true."""
    known = _conditions(found).get(name)
    return known if known is not None and known["status"] == "True" else None


def is_admitted(found: Json) -> bool:
    """Whether all pods may start."""
    return condition(found, "Admitted") is not None and condition(found, "Evicted") is None


def why_pending(found: Json) -> str:
    """What Kueue says of a Workload that is not admitted; empty before it says anything."""
    checks = found.get("status", {}).get("admissionChecks") or []
    waited_for = [f"{each['name']}: {each.get('message') or each['state']}" for each in checks]
    reserved = _conditions(found).get("QuotaReserved", {})
    if reserved.get("status") == "True":
        return "; ".join(waited_for)
    return str(reserved.get("message", ""))


def flavors(found: Json) -> dict[str, list[str]]:
    """The ResourceFlavors that an admitted Workload uses, by the names of its pod sets."""
    assigned = (found["status"].get("admission") or {}).get("podSetAssignments") or []
    return {each["name"]: sorted(set((each.get("flavors") or {}).values())) for each in assigned}


def placing(found: Json, known_flavors: Mapping[str, Json]) -> dict[str, Json]:
    """What an admission says of where pods run, by role, in the form of a specification's ``kubernetes`` block.

    :param known_flavors: the ResourceFlavors that it uses, by name.
    """
    placed: dict[str, Json] = {}
    for name, used in flavors(found).items():
        for flavor in used:
            spec = known_flavors[flavor].get("spec") or {}
            placed[name] = joined(
                placed.get(name, {}),
                {"nodeSelector": spec.get("nodeLabels"), "tolerations": spec.get("tolerations")},
            )
    for check in found["status"].get("admissionChecks") or []:
        for update in check.get("podSetUpdates") or []:
            added = {field: update.get(field) for field in _PLACING}
            placed[update["name"]] = joined(placed.get(update["name"], {}), added)
    return placed


def without_reservation(found: Json, now: datetime) -> Json:
    """The status that gives an evicted Workload back to its queue, as Kueue's own integrations set it."""
    evicted = condition(found, "Evicted") or {"reason": "Pending", "message": ""}
    told, at = evicted.get("message", ""), now.strftime("%Y-%m-%dT%H:%M:%SZ")
    is_requeued = evicted["reason"] in {"Preempted", "NodeFailures"}
    changed = {
        "QuotaReserved": ("False", "Pending", told),
        "Admitted": ("False", "NoReservation", "The workload has no reservation"),
        "Requeued": ("True" if is_requeued else "False", evicted["reason"], told),
    }
    return {"admission": None, "conditions": _with_conditions(found, changed, at)}


def with_ready_pods(found: Json, now: datetime) -> Json:
    """The status that tells that all pods are ready, for which Kueue may be waiting."""
    told = {"PodsReady": ("True", "Started", "All pods reached readiness and the cluster is running")}
    return {"conditions": _with_conditions(found, told, now.strftime("%Y-%m-%dT%H:%M:%SZ"))}


def _with_conditions(found: Json, changed: Mapping[str, tuple[str, str, str]], at: str) -> list[Json]:
    conditions = _conditions(found)
    for name, (status, reason, message) in changed.items():
        before = conditions.get(name, {})
        since = before.get("lastTransitionTime", at) if before.get("status") == status else at
        conditions[name] = {
            "type": name,
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": since,
            "observedGeneration": found["metadata"].get("generation", 1),
        }
    return list(conditions.values())


def _conditions(found: Json) -> dict[str, Json]:
    return {each["type"]: each for each in found.get("status", {}).get("conditions") or []}

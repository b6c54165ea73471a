"""What uses a node, and what must not be moved from one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from dcluster_provider.core.cluster_nodes import ClusterNode, NodePod

_AUTOSCALER = "cluster-autoscaler.kubernetes.io/"
SAFE_TO_EVICT = _AUTOSCALER + "safe-to-evict"
SAFE_VOLUMES = _AUTOSCALER + "safe-to-evict-local-volumes"
KEEP_NODE = _AUTOSCALER + "scale-down-disabled"
# The annotations that decisions about pods are made by.
POD_ANNOTATIONS = (SAFE_TO_EVICT, SAFE_VOLUMES)
_STUCK_AFTER = timedelta(minutes=1)  # beyond the time in which a deleted pod has to be gone


def is_work(pod: NodePod, now: datetime) -> bool:
    """Whether a pod uses its node.

    Those of DaemonSets, static ones and those that have finished do not. Neither does one that was deleted and should
    have been gone for a minute: nothing on the node ends it any more.
    """
    if pod.owner == "DaemonSet" or pod.mirror or pod.phase in ("Succeeded", "Failed"):
        return False
    return pod.ends_at is None or now <= pod.ends_at + _STUCK_AFTER


def work_by_node(pods: Iterable[NodePod], now: datetime) -> dict[str, list[NodePod]]:
    """The pods that use each node, by its name; a node that nothing uses is not among them."""
    found: dict[str, list[NodePod]] = {}
    for pod in pods:
        if is_work(pod, now):
            found.setdefault(pod.node, []).append(pod)
    return found


def why_not_evicted(pod: NodePod) -> str:
    """Why a pod must not be moved, as cluster-autoscaler decides by default; empty when it may be.

    A pod that ends already is moved by nobody. The annotation ``safe-to-evict`` decides either way; otherwise a pod
    stays that nobody would make anew, or that keeps files on its node which it does not declare dispensable.
    """
    told = pod.annotations.get(SAFE_TO_EVICT, "")
    if pod.is_ending or told == "true":
        return ""
    if told == "false":
        return f"its annotation {SAFE_TO_EVICT} is false"
    if not pod.owner:
        return "it has no controller that would make it anew"
    dispensable = {name.strip() for name in pod.annotations.get(SAFE_VOLUMES, "").split(",")}
    kept = [name for name in pod.local_volumes if name not in dispensable]
    if kept:
        return f"its volume {kept[0]} is on the node"
    return ""


def is_kept(node: ClusterNode) -> bool:
    """Whether somebody has declared that a node is not to be given back, as for cluster-autoscaler."""
    return node.annotations.get(KEEP_NODE) == "true"

"""The nodes of a Kubernetes cluster and the pods on them, which of these use a node, and which must not be evicted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_AUTOSCALER = "cluster-autoscaler.kubernetes.io/"
SAFE_TO_EVICT = _AUTOSCALER + "safe-to-evict"
SAFE_VOLUMES = _AUTOSCALER + "safe-to-evict-local-volumes"
KEEP_NODE = _AUTOSCALER + "scale-down-disabled"
# The annotations that decide about pods and nodes.
POD_ANNOTATIONS = (SAFE_TO_EVICT, SAFE_VOLUMES)
_STUCK_AFTER = timedelta(minutes=1)  # beyond the time by which a deleted pod has to be gone


@dataclass(frozen=True)
class ClusterNode:
    """A node of Kubernetes.

    :param uid: distinguishes it from another node of the same name.
    :param provider_id: id of the machine that it runs on; empty where no cloud made it.
    :param ready: whether its kubelet reports that pods can run there.
    :param cordoned: whether it takes no new pods.
    """

    name: str
    uid: str
    provider_id: str
    ready: bool
    cordoned: bool
    created_at: datetime
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NodePod:
    """A pod that is bound to a node.

    :param owner: the kind of its controller (``ReplicaSet``, ``DaemonSet``, ``Job``); empty means that none recreates
        it.
    :param phase: ``Pending``, ``Running``, ``Succeeded``, ``Failed`` or ``Unknown``.
    :param mirror: whether it represents a static pod of the kubelet.
    :param ends_at: when it has to be gone after its deletion; None means that it was not deleted.
    :param annotations: those that decide whether it may be moved.
    :param local_volumes: names of its volumes on the node, which are lost with it.
    """

    namespace: str
    name: str
    uid: str
    node: str
    owner: str
    phase: str
    mirror: bool = False
    ends_at: datetime | None = None
    annotations: dict[str, str] = field(default_factory=dict)
    local_volumes: tuple[str, ...] = ()

    @property
    def is_ending(self) -> bool:
        """Whether the pod was deleted and is not gone yet."""
        return self.ends_at is not None

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def is_work(pod: NodePod, now: datetime) -> bool:
    """Whether a pod uses its node.

    Pods of DaemonSets, static pods and finished pods do not. Neither does a deleted pod that should have been gone for
    a minute: nothing on the node removes it any more.
    """
    if pod.owner == "DaemonSet" or pod.mirror or pod.phase in ("Succeeded", "Failed"):
        return False
    return pod.ends_at is None or now <= pod.ends_at + _STUCK_AFTER


def work_by_node(pods: Iterable[NodePod], now: datetime) -> dict[str, list[NodePod]]:
    """The pods that use each node, by its name; unused nodes are left out."""
    found: dict[str, list[NodePod]] = {}
    for pod in pods:
        if is_work(pod, now):
            found.setdefault(pod.node, []).append(pod)
    return found


def why_not_evicted(pod: NodePod) -> str:
    """Why a pod must not be evicted, by the defaults of cluster-autoscaler; empty when it may be.

    A pod that is being deleted needs no eviction. The annotation ``safe-to-evict`` decides either way; otherwise a pod
    stays that no controller recreates, or that keeps files on its node which it does not declare dispensable.
    """
    annotation = pod.annotations.get(SAFE_TO_EVICT, "")
    if pod.is_ending or annotation == "true":
        return ""
    if annotation == "false":
        return f"its annotation {SAFE_TO_EVICT} is false"
    if not pod.owner:
        return "it has no controller that would recreate it"
    dispensable = {name.strip() for name in pod.annotations.get(SAFE_VOLUMES, "").split(",")}
    kept = [name for name in pod.local_volumes if name not in dispensable]
    if kept:
        return f"its volume {kept[0]} is on the node"
    return ""


def is_kept(node: ClusterNode) -> bool:
    """Whether an annotation declares that a node is not to be released, as for cluster-autoscaler."""
    return node.annotations.get(KEEP_NODE) == "true"

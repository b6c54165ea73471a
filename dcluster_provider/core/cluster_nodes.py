"""The nodes of a Kubernetes cluster and the pods on them, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


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

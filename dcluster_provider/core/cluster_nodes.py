"""The nodes of a Kubernetes cluster and the pods on them, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class ClusterNode:
    """A node of Kubernetes.

    :param uid: tells it from another of the same name.
    :param provider_id: of the machine that it runs on; empty where no cloud made it.
    :param ready: its kubelet says that pods can run there.
    :param cordoned: it takes no new pods.
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

    :param owner: the kind of its controller (``ReplicaSet``, ``DaemonSet``, ``Job``); empty means that nobody makes
        it anew.
    :param phase: ``Pending``, ``Running``, ``Succeeded``, ``Failed`` or ``Unknown``.
    :param mirror: it stands for a static pod of the kubelet.
    :param ends_at: when it has to be gone, after it was deleted; none means that nobody deleted it.
    :param annotations: those that say whether it may be moved.
    :param local_volumes: the names of its volumes that are on the node and go with it.
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
        """Whether it has been deleted and has not gone yet."""
        return self.ends_at is not None

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

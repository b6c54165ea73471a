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
    :param ending: it has been deleted and has not gone yet.
    """

    namespace: str
    name: str
    uid: str
    node: str
    owner: str
    phase: str
    mirror: bool = False
    ending: bool = False
    annotations: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

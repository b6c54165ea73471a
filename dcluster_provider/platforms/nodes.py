"""What a Kubernetes cluster offers for the nodes that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from dcluster_provider.core.cluster_nodes import ClusterNode, NodePod


@dataclass(frozen=True)
class Eviction:
    """What became of a request to evict a pod.

    :param result: ``begun``: it is ending; ``gone``: it was not there any more, or another of its name is;
        ``blocked``: a PodDisruptionBudget forbids it for the moment.
    :param why: what the API server said.
    """

    result: Literal["begun", "gone", "blocked"]
    why: str = ""


class ClusterNodes(Protocol):
    """The nodes of one Kubernetes cluster; every call may be repeated."""

    def nodes(self) -> list[ClusterNode]:
        """Every node, all pages.

        :raises PlatformUnavailable: the listing is not complete.
        """

    def pods(self, nodes: Sequence[str] = ()) -> list[NodePod]:
        """Every pod that is bound to a node.

        :param nodes: only those on these; none means all of them in one listing.
        :raises PlatformUnavailable: the listing is not complete.
        """

    def cordon(self, node: ClusterNode, annotations: Mapping[str, str | None] | None = None) -> bool:
        """Let it take no new pods.

        :param annotations: to set in the same request; none as a value removes one.
        :returns: whether this very node is still there.
        """

    def uncordon(self, node: ClusterNode, annotations: Mapping[str, str | None] | None = None) -> bool:
        """Let it take new pods again; see :meth:`cordon`."""

    def label(
        self, node: ClusterNode, labels: Mapping[str, str], taints: Sequence[Mapping[str, str]]
    ) -> bool:
        """Give it labels and taints beside those it has; returns whether it is still there."""

    def evict(self, pod: NodePod) -> Eviction:
        """Ask for this very pod (its uid) to be ended, as its PodDisruptionBudgets allow."""

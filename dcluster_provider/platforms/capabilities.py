"""What some platforms can do and others need not: a platform has a capability when it has its methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from dcluster_provider.core.cluster_nodes import ClusterNode, NodePod
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.diagnosis import Diagnosis, DiagnosisCode
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.platforms.base import Platform, Report

Outcome = Literal["ok", "warning", "failed"]
OnChange = Callable[[int | None], None]


@dataclass(frozen=True)
class Check:
    """The result of one check.

    :param name: what was looked at.
    :param outcome: ``warning`` means that clusters can be made, and something is missing or could not be looked at.
    :param found: what was found, in a sentence.
    :param remedy: what to do; empty where there is nothing to do.
    """

    name: str
    outcome: Outcome
    found: str
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        """The result as a JSON object."""
        return {"check": self.name, "outcome": self.outcome, "found": self.found, "remedy": self.remedy}


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


class CapabilityCode(DiagnosisCode):
    """What a platform has no means for."""

    NOT_SUPPORTED = "NotSupported", "The platform of the connection cannot do what was asked for."


@runtime_checkable
class SupportsCredentials(Protocol):
    """A platform that asks who wants something of it."""

    def connect(self) -> None:
        """Get hold of what every request needs, once: what only reads the registry does without.

        :raises PlatformRefused: it cannot be used at all.
        """

    def reconnect(self) -> None:
        """Get hold of it anew when it is needed next: the credentials were refused."""


@runtime_checkable
class SupportsPreparation(Protocol):
    """A platform that has something to do once, before the first cluster of a type."""

    def prepare(self, spec: ClusterSpec, report: Report) -> None:
        """Do what may take long before the first cluster of this type (install an engine), telling of progress.

        :raises PlatformRefused: it cannot be done, with the evidence.
        """


@runtime_checkable
class SupportsStaging(Protocol):
    """A platform whose jobs do not run where the task does."""

    def stage_job(self, job: Job, cluster: Cluster) -> None:
        """Bring to the cluster what the job needs from this machine; a later start may come from another one.

        :raises PlatformRefused: it can never be brought there.
        """


@runtime_checkable
class SupportsResizing(Protocol):
    """A platform whose clusters can get more and fewer workers while they run."""

    def resize_cluster(self, cluster: Cluster) -> None:
        """Bring a cluster a step nearer to its number of workers; surplus ones finish what they hold, if they can.

        Called at every poll until the cluster is observed with exactly that number.

        :raises PlatformRefused: it can never have that number.
        """


@runtime_checkable
class SupportsSavepoints(Protocol):
    """A platform that stops jobs with savepoints."""

    def savepoint_folder(self, job: Job, cluster: Cluster) -> str:
        """The folder that savepoints of a Flink job go to; empty when no setting names one.

        :raises InvalidSpec: a setting names one that cannot be.
        :raises PlatformRefused: the cluster is not there any more.
        """


@runtime_checkable
class SupportsExternalClusters(Protocol):
    """A platform that runs jobs on clusters that somebody else runs."""

    def delete_job(self, job: Job, cluster: Cluster) -> bool:
        """Begin to remove what was made for an ended job on a cluster that somebody else runs.

        What was made for a job on a cluster of ours goes with the cluster.

        :returns: whether there was something whose removal had not begun.
        """

    def external_jobs(self) -> list[int]:
        """The ids of the jobs on clusters that somebody else runs for which something is here, ended or not.

        :raises DClusterError: not all of them can be told.
        """


@runtime_checkable
class SupportsChangeNotification(Protocol):
    """A platform that reports changes between two polls."""

    def on_change(self, told: OnChange) -> Callable[[], None]:
        """Have a function called, in whatever thread, when something may have changed between two looks.

        :param told: gets the id of the cluster of which something has changed, or none when it may be any.
        :returns: a function that ends it.
        """


@runtime_checkable
class SupportsNodes(Protocol):
    """A platform whose clusters run on nodes that can be listed, drained and removed."""

    @property
    def nodes(self) -> ClusterNodes:
        """The nodes."""


@runtime_checkable
class SupportsExamination(Protocol):
    """A platform that can say, point by point, whether clusters can run on it."""

    def examine(self, *, images: bool, nodes: bool) -> Iterator[Check]:
        """Check one point after the other; each check is yielded as soon as it is done.

        :param images: try the images of clusters, too.
        :param nodes: check whether nodes may be launched, drained and released, too.
        :raises PlatformRefused: the platform cannot be used at all.
        """


def connect(platform: Platform) -> None:
    """Have a platform get hold of what every request needs, where it needs anything.

    :raises PlatformRefused: it cannot be used at all.
    """
    if isinstance(platform, SupportsCredentials):
        platform.connect()


def reconnect(platform: Platform) -> None:
    """Have a platform get hold of it anew when it is needed next: the credentials were refused."""
    if isinstance(platform, SupportsCredentials):
        platform.reconnect()


def nodes_of(platform: Platform) -> ClusterNodes | None:
    """The nodes that clusters run on; none where they run on this machine."""
    return platform.nodes if isinstance(platform, SupportsNodes) else None


def cannot(platform: Platform, what: str) -> PlatformRefused:
    """The error for a request that a platform has no means to carry out.

    :param what: what was asked for, after "it does not".
    """
    return PlatformRefused(
        f"platform {platform.name}",
        Diagnosis(
            CapabilityCode.NOT_SUPPORTED,
            f"The platform {platform.name} does not {what}.",
            "Leave it out, or use a connection of another platform.",
        ),
    )

"""What the local platform asks of an engine."""

from __future__ import annotations

from typing import Protocol

from dcluster_provider.core.observation import ClusterObservation, JobObservation
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.core.spec import ClusterSpec
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.plan import ClusterPlan
from dcluster_provider.platforms.local.process import Command


class View(Protocol):
    """One look at a cluster, from which it and all its jobs are told."""

    def cluster(self) -> ClusterObservation:
        """The cluster as it is."""

    def busy(self) -> bool | None:
        """Whether anything runs on it, whoever started it; none when that cannot be told just now."""

    def job(self, job: Job) -> JobObservation | None:
        """One of its jobs as it is; none when that cannot be told just now."""


class EngineSide(Protocol):
    """An engine's part in launching clusters and running jobs."""

    def check_cluster(self, spec: ClusterSpec) -> None:
        """Refuse what the engine cannot be.

        :raises InvalidSpec: naming the field and the least valid value.
        """

    def wanted_ports(self, spec: ClusterSpec) -> dict[str, int | None]:
        """The ports that the cluster needs, by purpose; none means any."""

    def commands(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster) -> dict[str, Command]:
        """What to run for the cluster, by role, after its configuration was written."""

    def start_job(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster, job: Job) -> None:
        """Start a job, unless it was started or stopped before.

        :raises PlatformRefused: it can never run so.
        """

    def stop_job(self, place: ClusterPlace, plan: ClusterPlan, job: Job) -> None:
        """Begin to stop a job."""

    def look(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster) -> View:
        """Look at the cluster once."""

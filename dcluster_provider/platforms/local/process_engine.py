"""What an engine has to do to run as processes of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.observation import ClusterObservation, JobObservation
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.platforms.base import Report
from dcluster_provider.platforms.local.installation.class_archive import Training
from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.plan import ClusterPlan
from dcluster_provider.platforms.local.processes.process import Command, Process
from dcluster_provider.platforms.local.settings import LocalSettings


class ClusterProcesses(Protocol):
    """A cluster at one moment, and the jobs on it."""

    def cluster(self) -> ClusterObservation:
        """The cluster as it is."""

    def busy(self) -> bool | None:
        """Whether anything runs on it, whoever started it; none when that cannot be told just now."""

    def job(self, job: Job) -> JobObservation | None:
        """One of its jobs as it is; none when that cannot be told just now."""


class ProcessEngine(Protocol):
    """An engine in processes of this machine.

    :param client_title: a job's own process, in words that begin a sentence.
    """

    client_title: str

    def wanted_ports(self, spec: ClusterSpec) -> dict[str, int | None]:
        """The ports that the cluster needs, by purpose; none means any.

        :raises InvalidSpec: a setting chooses one that is none.
        """

    def prepare(
        self, spec: ClusterSpec, engine: LocalEngine, settings: LocalSettings, report: Report
    ) -> None:
        """Fetch what a cluster wants beside the engine, unless it is there.

        :raises PlatformRefused: it cannot be had.
        """

    def training(self, engine: LocalEngine, folder: Path) -> Training:
        """A short run whose classes are archived, with files in a folder of its own."""

    def external_ports(self, cluster: Cluster) -> dict[str, int]:
        """The ports of a cluster that somebody else runs, by purpose."""

    def commands(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster) -> dict[str, Command]:
        """What to run for the cluster, by role, after its configuration was written."""

    def retire(self, workers: Sequence[Process]) -> None:
        """Take workers out of use a step further, until they have ended; what runs on them goes on elsewhere."""

    def start_job(
        self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster, job: Job, given: Mapping[str, str]
    ) -> None:
        """Start a job, unless it was started or stopped before.

        :param given: variables of its driver or client and, where the engine can, of its executors.
        :raises PlatformRefused: it can never run so.
        """

    def stop_job(self, place: ClusterPlace, plan: ClusterPlan, job: Job) -> None:
        """Begin to stop a job."""

    def savepoint_folder(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster, job: Job) -> str:
        """The folder that savepoints of a job go to; empty when the engine has none.

        :raises InvalidSpec: a setting names one that cannot be.
        """

    def view(self, place: ClusterPlace, plan: ClusterPlan, cluster: Cluster) -> ClusterProcesses:
        """What is to be observed of the cluster and its jobs at this moment."""

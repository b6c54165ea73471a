"""What a place where clusters run has to do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.observation import ClusterObservation, JobObservation, ObservationError
from dcluster_provider.core.record import Cluster, Job

_LOG = logging.getLogger(__name__)
Report = Callable[[str], None]


def no_registry() -> str:
    """The id of a registry that has none, for platforms without one."""
    return ""


def silent(_message: str) -> None:
    """A report that tells nobody."""


def logged(message: str) -> None:
    """A report to the log, which is a task's own where a task calls from Python."""
    _LOG.info("%s", message)


@dataclass(frozen=True)
class LogPart:
    """A piece of a job's log.

    :param text: whole lines, or all there is when the job has ended.
    :param end: the position to read on from; only the platform knows what it counts.
    :param is_cut: whether there is more of it already, which was not asked for.
    :param kept_at: where the log is, when this machine alone can read on; empty when others can, too.
    """

    text: str
    end: int
    is_cut: bool = False
    kept_at: str = ""


class Platform(Protocol):
    """A place where clusters run; what not every place can do is in ``capabilities``.

    Every method may be called by several processes at once and again after any of them was killed at any line:
    asking twice for the same thing gives one thing. All block; none is called on an event loop.
    """

    name: str
    log_pause: (
        float  # seconds to let pass between two reads of a log that grows; 0 where reading costs nothing
    )

    def describe(self) -> str:
        """What this platform is and whether it can be used, in a sentence.

        :raises PlatformRefused: it cannot be used at all.
        """

    def location_of(self, spec: ClusterSpec) -> str:
        """The location where a cluster is made and observed.

        What cannot be determined now is left out; see :func:`~dcluster_provider.core.identity.is_same_location`.
        """

    def check_cluster(self, spec: ClusterSpec) -> None:
        """Refuse, before anything is stored or started, what cannot run here.

        :raises InvalidSpec: naming the field.
        :raises PlatformRefused: what the platform lacks (no Java, an engine version that does not fit).
        """

    def check_job(self, spec: JobSpec) -> None:
        """The same for a job: an application file that is missing is refused here.

        :raises InvalidSpec: naming the field.
        """

    def apply_cluster(self, cluster: Cluster) -> None:
        """Make the cluster, or what is missing of it. Returns without waiting for it to be ready.

        :raises PlatformRefused: it can never be made so.
        """

    def observe_clusters(
        self, clusters: Sequence[Cluster]
    ) -> dict[int, ClusterObservation | ObservationError]:
        """What there is of each cluster, by id; one that the platform cannot judge yet is left out."""

    def delete_cluster(self, cluster: Cluster) -> None:
        """Begin to remove everything of the cluster, jobs included; nothing to remove is no error."""

    def apply_job(self, job: Job, cluster: Cluster) -> None:
        """Start the job, unless this very job (key and generation) was started before, ended or not.

        :raises PlatformRefused: it can never be started so.
        """

    def observe_jobs(
        self, jobs: Sequence[tuple[Job, Cluster]]
    ) -> dict[int, JobObservation | ObservationError]:
        """What there is of each job, by id; one that its engine does not tell of is left out.

        A job with ``savepoint_requested`` is asked to stop so, unless it was already.
        """

    def stop_job(self, job: Job, cluster: Cluster) -> None:
        """Begin to stop the job; one that is not there is no error, and can no longer be started."""

    def end_job(self, job: Job, cluster: Cluster, outcome: JobObservation) -> None:
        """End the process of a job whose outcome is decided while it runs; every look from then on sees that outcome.

        :param outcome: the job as it is seen once it has ended.
        """

    def read_log(self, job: Job, cluster: Cluster, start: int, most: int = 65536) -> LogPart:
        """The job's log from a position on; 0 is its beginning."""

    def list_clusters(self) -> list[str]:
        """The names of all clusters made for this deployment and registry that exist here, known to it or not.

        So is one that somebody else runs, as long as something is here for jobs on it.

        :raises DClusterError: not all of them can be told.
        """

    def busy_clusters(self, clusters: Sequence[Cluster]) -> dict[int, bool]:
        """Whether anything runs on each cluster, as its engine itself tells, whoever started it, by id.

        One whose engine could not be asked is left out.
        """

    def delete_unknown(self, name: str) -> bool:
        """Begin to remove a cluster that was made for the registry and that it does not know, by its name.

        :returns: whether there is one; nothing of another deployment or registry is touched.
        """

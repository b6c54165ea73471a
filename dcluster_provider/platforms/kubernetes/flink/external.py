"""Clients on JobManagers that somebody else runs, which may answer the clients and not us."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.core.record import Cluster
from dcluster_provider.engines.flink.conf import DEFAULTS, JVM_OPTIONS
from dcluster_provider.engines.flink.log_patterns import FlinkCode
from dcluster_provider.platforms.kubernetes.job_outcome import ClientPod

_SILENCE = timedelta(seconds=120)  # after which a JobManager is not waited for any more
_WAIT = "table.dml-sync"


def external_client_settings() -> dict[str, str]:
    """The Flink settings of a client before its job's own: few, for the cluster has settings of its own."""
    return {"env.java.opts.all": " ".join(JVM_OPTIONS), _WAIT: DEFAULTS[_WAIT]}


def external_client_fixed(cluster: Cluster) -> dict[str, str]:
    """The Flink settings of a client that the cluster decides, after its job's own."""
    address = urlsplit(cluster.ui_url)
    return {"rest.address": address.hostname or "", "rest.port": str(address.port or 80)}


class FirstPolls:
    """When something was first looked for in vain, in this process, by what it is."""

    def __init__(self) -> None:
        self._since: dict[int, datetime] = {}

    def in_vain(self, number: int, now: datetime) -> datetime:
        """Note a look in vain; since when there was none that was not."""
        return self._since.setdefault(number, now)

    def found(self, number: int) -> None:
        """Note a look that was not."""
        self._since.pop(number, None)


def is_given_up(since: datetime, now: datetime) -> bool:
    """Whether a JobManager that has restarted would answer by now, and have its jobs again."""
    return now - since >= _SILENCE


def observe_without_jobmanager(client: ClientPod, url: str, silent_since: datetime) -> JobObservation | None:
    """A PyFlink program or SQL file on somebody else's JobManager, which does not answer: what its client alone tells.

    :param url: of the JobManager.
    :param silent_since: since when it does not answer; a client that did not wait for its jobs may have ended long ago.
    :returns: none while the client runs, and while a JobManager that restarts may answer again.
    """
    seen = client.observe()
    if seen is None or seen.phase is JobPhase.PENDING or (client.pod and client.begun_by is None):
        return seen
    if not is_given_up(max(silent_since, client.ended_at or client.job.state_since), client.now):
        return None
    if seen.phase is JobPhase.SUCCEEDED:
        return JobObservation(JobPhase.LOST, exit_code=seen.exit_code, diagnosis=_unheard(url))
    return seen


def _unheard(url: str) -> Diagnosis:
    return Diagnosis(
        FlinkCode.JOB_MANAGER_SILENT,
        f"The client ended well, but the JobManager at {url} does not answer Airflow, so whether what the client "
        "submitted has finished cannot be told.",
        "Make that address reachable from where Airflow runs, too. Check the job's output; if it has to run again, "
        "clear the task.",
    )

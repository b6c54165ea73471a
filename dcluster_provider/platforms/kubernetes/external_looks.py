"""What is seen of jobs on clusters that somebody else runs, which may answer the jobs and not us."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.diagnosis_codes import DiagnosisCode
from dcluster_provider.core.engine_log_patterns import FlinkCode, SparkCode
from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.platforms.kubernetes.external import ANY_WORKER
from dcluster_provider.platforms.kubernetes.job_outcome import ClientPod
from dcluster_provider.platforms.kubernetes.spark_jobs import observe_on_standalone

_REGISTERED = "Registered executor NettyRpcEndpointRef"
_UNREACHABLE = "All masters are unresponsive"
_SILENCE = timedelta(seconds=120)  # after which a JobManager is not waited for any more


def observe_on_external(
    client: ClientPod, url: str, ask_master: Callable[[], dict[str, Any] | None]
) -> JobObservation:
    """A job on a standalone cluster that somebody else runs.

    :param url: of the master.
    :param ask_master: asks the master, which may answer drivers and not us; the driver's log then tells of its
        executors.
    """
    seen = observe_on_standalone(client, ANY_WORKER, None, ask_master)
    is_up = client.pod is not None and client.running_since is not None
    if seen.phase is JobPhase.PENDING and is_up and ask_master() is None:
        assert client.pod is not None
        if _REGISTERED in client.log_head(client.pod):
            return JobObservation(JobPhase.RUNNING)
    if client.pod is not None and seen.diagnosis is not None and _may_follow(seen.diagnosis.code):
        # Its last lines do not tell: a driver that finds no master goes on for a while before it ends.
        lines = client.log_head(client.pod).splitlines()
        told = next((line for line in lines if _UNREACHABLE in line), None)
        if told is not None:
            return replace(seen, diagnosis=_master_lost(url, told))
    return seen


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


def _may_follow(code: DiagnosisCode) -> bool:
    """Whether a driver that reaches no master may end so."""
    return code.is_generic or code.is_unreachable


def _master_lost(url: str, line: str) -> Diagnosis:
    return Diagnosis(
        SparkCode.MASTER_LOST,
        f"The driver's pod could not reach the Spark master at {url}.",
        "Correct the address of master in the connection's external_clusters, or find out why the master is not there "
        "or not reached from pods; then run the job again.",
        (line.strip(),),
    )


def _unheard(url: str) -> Diagnosis:
    return Diagnosis(
        FlinkCode.JOB_MANAGER_SILENT,
        f"The client ended well, but the JobManager at {url} does not answer Airflow, so whether what the client "
        "submitted has finished cannot be told.",
        "Make that address reachable from where Airflow runs, too. Check the job's output; if it has to run again, "
        "clear the task.",
    )

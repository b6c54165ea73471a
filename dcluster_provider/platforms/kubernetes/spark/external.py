"""Drivers on standalone clusters that somebody else runs, whose masters may answer drivers and not us."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dcluster_provider.core.diagnosis import Diagnosis, DiagnosisCode
from dcluster_provider.core.observation import JobObservation, JobPhase
from dcluster_provider.core.record import Cluster
from dcluster_provider.engines.evidence import cause_that_decides
from dcluster_provider.engines.spark.conf import Worker
from dcluster_provider.engines.spark.log_patterns import SparkCode
from dcluster_provider.platforms.kubernetes.job_outcome import ClientPod
from dcluster_provider.platforms.kubernetes.spark.jobs import observe_on_standalone

DRIVER_PORTS = {"driver": 7078, "blocks": 7079}  # by which executors reach a driver
DRIVER_PORT_SETTINGS = {
    "spark.driver.port": str(DRIVER_PORTS["driver"]),
    "spark.driver.blockManager.port": str(DRIVER_PORTS["blocks"]),
}
_ANY_WORKER = Worker(10**9, 10**9)  # nobody knows what its workers offer, so nothing is too large
_REGISTERED = "Registered executor NettyRpcEndpointRef"


def external_driver_settings(cluster: Cluster) -> dict[str, str]:
    """The Spark settings of a driver that the cluster decides, and the ports at which executors come to its pod."""
    return {"spark.master": cluster.master_url} | DRIVER_PORT_SETTINGS


def observe_on_external(
    client: ClientPod, url: str, ask_master: Callable[[], dict[str, Any] | None]
) -> JobObservation:
    """A job on a standalone cluster that somebody else runs.

    :param url: of the master.
    :param ask_master: asks the master, which may answer drivers and not us; the driver's log then tells of its
        executors.
    """
    seen = observe_on_standalone(client, _ANY_WORKER, None, ask_master)
    is_up = client.pod is not None and client.running_since is not None
    if seen.phase is JobPhase.PENDING and is_up and ask_master() is None:
        assert client.pod is not None
        if _REGISTERED in client.log_head(client.pod):
            return JobObservation(JobPhase.RUNNING)
    if client.pod is not None and seen.diagnosis is not None and _may_follow(seen.diagnosis.code):
        # Its last lines do not tell: a driver that finds no master goes on for a while before it ends.
        known = cause_that_decides(client.log_head(client.pod).splitlines())
        if known is not None and known.code == SparkCode.MASTER_LOST:
            return replace(seen, diagnosis=_master_lost(url, known.text))
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

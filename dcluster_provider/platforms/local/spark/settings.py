"""The settings that Spark's processes on this machine are given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.spark.conf import job_settings, properties_text
from dcluster_provider.platforms.local.files import write_text
from dcluster_provider.platforms.local.plan import ClusterPlan
from dcluster_provider.platforms.local.processes.ports import HOST

MASTER_PORT, UI_PORT = "master", "ui"
PORT_SETTINGS = {MASTER_PORT: "spark.master.port", UI_PORT: "spark.master.ui.port"}


def driver_settings(plan: ClusterPlan, cluster: Cluster, job: Job) -> dict[str, str]:
    """The Spark settings of a job: what is fixed here, the cluster's, then the job's own.

    Without the secret.
    """
    defaults = {"spark.ui.port": "0"}
    if plan.host == HOST:  # to a cluster elsewhere, this machine has another address
        defaults |= {"spark.driver.host": HOST, "spark.driver.bindAddress": HOST}
    settings = defaults | job_settings(job, cluster, frozenset(PORT_SETTINGS.values()))
    return settings | {
        "spark.master": f"spark://{plan.address(MASTER_PORT)}",
        "spark.submit.deployMode": "client",
    }


def write_properties(path: Path, settings: Mapping[str, str]) -> None:
    """Write settings as Spark reads them, for the owner's eyes alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, properties_text(settings))

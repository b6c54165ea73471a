"""The settings that Spark's processes are given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.platforms.local.application import handed_over
from dcluster_provider.platforms.local.files import write_text
from dcluster_provider.platforms.local.plan import ClusterPlan
from dcluster_provider.platforms.local.ports import HOST

MASTER_PORT, UI_PORT = "master", "ui"
PORT_SETTINGS = {MASTER_PORT: "spark.master.port", UI_PORT: "spark.master.ui.port"}


def driver_settings(plan: ClusterPlan, cluster: Cluster, job: Job) -> dict[str, str]:
    """The Spark settings of a job: what is fixed here, the cluster's, then the job's own.

    Without the secret.
    """
    spec = job.spec
    settings = {
        "spark.app.name": application_name(job),
        "spark.driver.host": HOST,
        "spark.driver.bindAddress": HOST,
        "spark.ui.port": "0",
        "spark.driver.memory": f"{max(1, round(spec.driver_mem_gb * 1024))}m",
    }
    settings |= _executor_settings(plan, job)
    settings |= {
        name: value
        for name, value in cluster.spec.extra_configs.items()
        if name not in PORT_SETTINGS.values()
    }
    settings |= spec.extra_cmd
    settings |= {f"spark.dcluster.{name}": value for name, value in handed_over(job).items()}
    return settings | {
        "spark.master": f"spark://{plan.address(MASTER_PORT)}",
        "spark.submit.deployMode": "client",
    }


def application_name(job: Job) -> str:
    """What the job's application is called, unless it calls itself otherwise."""
    return f"{job.client}/{job.module} #{job.id}"


def _executor_settings(plan: ClusterPlan, job: Job) -> dict[str, str]:
    spec = job.spec
    if job.owns_cluster:
        return {
            "spark.executor.memory": f"{plan.worker_mib}m",
            "spark.executor.cores": str(plan.worker_cores),
        }
    settings = {"spark.executor.memory": f"{min(1024, plan.worker_mib)}m"}
    if spec.worker_mem_gb is not None:
        settings["spark.executor.memory"] = f"{max(1, round(spec.worker_mem_gb * 1024))}m"
    if spec.worker_cpu is not None:
        settings["spark.executor.cores"] = str(spec.worker_cpu)
    if spec.num_workers is not None:
        settings["spark.cores.max"] = str(spec.num_workers * (spec.worker_cpu or plan.worker_cores))
    return settings


def write_properties(path: Path, settings: Mapping[str, str]) -> None:
    """Write settings as Spark reads them, for the owner's eyes alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"{_escaped(name)}={_escaped(value)}" for name, value in settings.items())
    write_text(path, "\n".join(lines) + "\n")


def _escaped(text: str) -> str:
    """Text as a Java properties file writes it."""
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    for special in "=:#! ":
        text = text.replace(special, "\\" + special)
    return "".join(each if " " <= each <= "~" else _unicode(each) for each in text)


def _unicode(character: str) -> str:
    encoded = character.encode("utf-16-be")
    return "".join(f"\\u{encoded[at] << 8 | encoded[at + 1]:04x}" for at in range(0, len(encoded), 2))

"""Everything that one connection decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from dcluster_provider.control.application_template import ApplicationTemplate
from dcluster_provider.control.external_clusters import ExternalCluster
from dcluster_provider.control.log_links import GrafanaLinks
from dcluster_provider.control.nodes.settings import NodeSettings
from dcluster_provider.core.lifetime import Limits
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings


@dataclass(frozen=True)
class Settings:
    """What a ``dcluster`` connection says, every default filled in.

    :param conn_id: the connection's id, remembered with each cluster and job.
    :param registry_url: SQLAlchemy address of the registry; may hold a password, so it is kept out of ``repr``.
    :param home: folder of the local platform's clusters and logs.
    :param engines_folder: folder of the local platform's engine environments.
    :param deployment: tells this Airflow's clusters from another's on the same platform.
    :param env: the ``{env}`` of cluster names.
    :param limits: how long clusters may live unless they say otherwise.
    :param alert_after: how long a job may run before people are told, unless its client has a time of its own.
    :param alert_repeat: after which they are told once more; none means never.
    :param java_home: a Java 17 or later to use instead of the one found.
    :param python: the interpreter that engines are installed with instead of the one found.
    :param job_log_url_template: address of a job's log, with ``{jobId}`` in it.
    :param kubernetes: of the Kubernetes platform; none means the local platform.
    :param application: what a job that names no application runs.
    :param grafana: makes addresses of logs in Grafana.
    :param external_clusters: that somebody else runs, and jobs may be run on.
    :param nodes: how machines are launched and given back.
    """

    conn_id: str
    registry_url: str = field(repr=False)
    home: Path
    engines_folder: Path
    deployment: str = "airflow"
    env: str = "dev"
    limits: Limits = field(default_factory=Limits)
    alert_after: timedelta = timedelta(days=1)
    alert_repeat: timedelta | None = None
    spark_version: str | None = None
    flink_version: str | None = None
    java_home: str | None = None
    python: str | None = None
    job_log_url_template: str = ""
    kubernetes: KubernetesSettings | None = None
    application: ApplicationTemplate = field(default_factory=ApplicationTemplate)
    grafana: GrafanaLinks = field(default_factory=GrafanaLinks)
    external_clusters: tuple[ExternalCluster, ...] = ()
    nodes: NodeSettings = field(default_factory=NodeSettings)

    def job_log_url(self, job_id: int) -> str:
        """Where a person reads the log of a job, or nothing when no address is configured."""
        return self.job_log_url_template.replace("{jobId}", str(job_id))

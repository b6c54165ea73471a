"""Addresses of the logs of clusters and jobs in Grafana, from the connection's template."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.core.templates import check_template, fill_template

PLACEHOLDERS = (
    "search",
    "clusterId",
    "clusterName",
    "cluster",
    "jobId",
    "tenant",
    "client",
    "module",
    "namespace",
    "env",
    "deployment",
    "from",
    "to",
)


@dataclass(frozen=True)
class GrafanaLinks:
    """Makes addresses of a template such as ``https://grafana/d/1/logging?var-search={search}&from={from}&to={to}``.

    ``{search}`` is the job's id in the address of a job and the cluster's in that of a cluster. ``{from}`` and ``{to}``
    are the times of its start and end, in Grafana's format. In the address of a cluster, ``{jobId}`` and ``{module}``
    are empty and ``{client}`` is the tenant. Every value is URL-encoded.

    :param template: the template; empty makes every address empty.
    :param env: the ``{env}`` of the template.
    :param namespace: namespace of the clusters on Kubernetes.
    :param external_namespace: namespace of those with ``useExternalNamespace``.
    :raises InvalidSpec: a placeholder is unknown; the error names the nearest one.
    """

    template: str = ""
    env: str = ""
    namespace: str = ""
    external_namespace: str = ""

    def __post_init__(self) -> None:
        check_template("grafana_url", self.template, PLACEHOLDERS)

    def of_cluster(self, cluster: Cluster) -> str:
        """The address of a cluster's log; empty without a template."""
        ended = cluster.state_since if cluster.state.is_final else None
        return self._filled(
            cluster,
            cluster.spec.use_external_namespace,
            {
                "search": cluster.id,
                "client": cluster.spec.tenant,
                "from": _milliseconds(cluster.created_at.timestamp()),
                "to": _milliseconds(ended.timestamp()) if ended else "now",
            },
        )

    def of_job(self, job: Job, cluster: Cluster) -> str:
        """The address of a job's log; empty without a template."""
        # An external cluster has no namespace of the connection, but its jobs have one.
        placed = job.spec if cluster.is_external else cluster.spec
        return self._filled(
            cluster,
            placed.use_external_namespace,
            {
                "search": job.id,
                "jobId": job.id,
                "client": job.client,
                "module": job.module,
                "from": _milliseconds(job.created_at.timestamp()),
                "to": _milliseconds(job.ended_at.timestamp()) if job.ended_at else "now",
            },
        )

    def _filled(self, cluster: Cluster, outside: bool, values: dict[str, object]) -> str:
        known: dict[str, object] = {
            "clusterId": cluster.id,
            "clusterName": cluster.name,
            "cluster": cluster.name,
            "tenant": cluster.spec.tenant,
            "namespace": (outside and self.external_namespace) or self.namespace,
            "env": self.env,
            "deployment": cluster.deployment,
        }
        return fill_template(self.template, lambda name: quote(str((known | values).get(name, "")), safe=""))


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)

"""What a connection says to GKE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class GkeSettings:
    """The cluster that gets node pools, and what they are like.

    :param conn_id: the Airflow connection of type ``google_cloud_platform`` that credentials come from; empty means
        the application default credentials.
    :param deployment: tells this Airflow's node pools from another's.
    :param project: id of the project.
    :param location: the cluster's region or zone.
    :param cluster: its name.
    :param template_pool: a pool of the cluster whose disks, service account, scopes, network tags and the like new
        pools take over; empty means the cluster's defaults.
    :param zones: tried in order; empty means the cluster's own.
    :param market: how machines are paid for; ``spot, then on-demand`` tries every kind of machine as spot first.
    :param alternatives: machine types that may take the place of one that has no capacity, in order.
    :param labels: further ones of the machines, pairs of key and value, for bills by label.
    :param connection: the id of the ``dcluster`` connection; machines carry it, since only that one knows the
        Kubernetes whose nodes they are.
    :param container_endpoint: address of the GKE API, for a private endpoint; empty means Google's.
    :param compute_endpoint: address of the Compute Engine API, likewise.
    """

    conn_id: str = ""
    deployment: str = "airflow"
    project: str = ""
    location: str = ""
    cluster: str = ""
    template_pool: str = ""
    zones: tuple[str, ...] = ()
    market: Literal["on-demand", "spot", "spot, then on-demand"] = "on-demand"
    alternatives: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    connection: str = ""
    container_endpoint: str = ""
    compute_endpoint: str = ""

    def __str__(self) -> str:
        return f"GKE cluster {self.cluster!r} in {self.location} of project {self.project!r}"

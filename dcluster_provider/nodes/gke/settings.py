"""What a connection says to GKE."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GkeSettings:
    """The cluster whose node pools are grown and shrunk.

    :param conn_id: the Airflow connection of type ``google_cloud_platform`` that credentials come from; empty means
        the application default credentials.
    :param deployment: tells this Airflow's node pools from another's.
    :param project: id of the project.
    :param location: the cluster's region or zone.
    :param cluster: its name.
    :param node_pool: the pool that is grown; empty means the one of the wanted instance type.
    """

    conn_id: str = ""
    deployment: str = "airflow"
    project: str = ""
    location: str = ""
    cluster: str = ""
    node_pool: str = ""

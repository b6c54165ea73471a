"""The cloud that a connection names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from dcluster_provider.nodes.on_premises import OnPremises

if TYPE_CHECKING:
    from dcluster_provider.control.nodes.settings import NodeSettings
    from dcluster_provider.nodes.base import Cloud


@dataclass(frozen=True)
class CloudClients:
    """Who makes the clients of clouds, with the credentials of Airflow's connections.

    :param ec2: from the id of a connection, a region and whether each request is made once only (as launches are) to
        a boto3 client of EC2.
    :param gke: from the id of a connection to the credentials of Google's client libraries.
    :param aws_message: from the id of a connection, a region and an encoded message about a missing permission to
        JSON, or nothing when that is not allowed.
    """

    ec2: Callable[[str, str, bool], Any]
    gke: Callable[[str], Any] | None = None
    aws_message: Callable[[str, str, str], str] | None = None


def make_cloud(conn_id: str, settings: NodeSettings, clients: CloudClients | None) -> Cloud:
    """The cloud of a connection.

    :param conn_id: the connection, for messages.
    :raises ValueError: machines come from a cloud, and nobody makes its clients or says which account.
    """
    if settings.cloud == "on-premises":
        return OnPremises(conn_id)
    if clients is None:
        raise ValueError(f"the cloud {settings.cloud!r} needs somebody who makes its clients")
    if settings.cloud == "ec2" and settings.ec2:
        from dcluster_provider.nodes.ec2.cloud import Ec2

        return Ec2(conn_id, settings.ec2, clients.ec2, clients.aws_message)
    if settings.cloud == "gke" and settings.gke and clients.gke:
        from dcluster_provider.nodes.gke.api import GkeApi
        from dcluster_provider.nodes.gke.gke import Gke

        return Gke(conn_id, settings.gke, GkeApi(settings.gke, partial(clients.gke, settings.gke.conn_id)))
    raise ValueError(f"connection {conn_id!r}: nothing is known of its cloud {settings.cloud!r}")

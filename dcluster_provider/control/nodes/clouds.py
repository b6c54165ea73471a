"""The cloud that a connection names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
    """

    ec2: Callable[[str, str, bool], Any]
    gke: Callable[[str], Any]


def make_cloud(conn_id: str, settings: NodeSettings, clients: CloudClients | None) -> Cloud:  # noqa: ARG001
    """The cloud of a connection.

    :param conn_id: the connection, for messages.
    """
    return OnPremises(conn_id)

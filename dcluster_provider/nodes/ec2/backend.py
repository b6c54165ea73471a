"""EC2 as a backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.backend import Backend, BackendContext
from dcluster_provider.nodes.ec2.settings import Ec2Settings

if TYPE_CHECKING:
    from dcluster_provider.nodes.base import Cloud


@dataclass(frozen=True)
class AwsClients:
    """What makes clients of AWS with the credentials of Airflow connections of type ``aws``.

    :param ec2: from the id of a connection, a region and whether each request is made once only (as launches are) to
        a boto3 client of EC2.
    :param decode: from the id of a connection, a region and an encoded message about a missing permission to JSON, or
        nothing when that is not allowed.
    """

    ec2: Callable[[str, str, bool], Any]
    decode: Callable[[str, str, str], str] | None = None


def make_cloud(settings: Ec2Settings, context: BackendContext) -> Cloud:
    """The cloud of a connection."""
    from dcluster_provider.nodes.ec2.cloud import Ec2

    clients: AwsClients = context.client("aws")
    return Ec2(context.conn_id, settings, clients.ec2, clients.decode)


EC2: Backend[Ec2Settings, Cloud] = Backend(Ec2Settings, make_cloud)

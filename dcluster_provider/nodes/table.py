"""The clouds of this package, by the names that connections give them, and what each is made of."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.backend import Backend, BackendContext
from dcluster_provider.nodes.ec2.settings import Ec2Settings
from dcluster_provider.nodes.gke.settings import GkeSettings
from dcluster_provider.nodes.on_premises import ON_PREMISES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcluster_provider.nodes.base import Cloud
    from dcluster_provider.nodes.ec2.clients import AwsClients


def make_ec2(settings: Ec2Settings, context: BackendContext) -> Cloud:
    """The cloud of a connection that names EC2."""
    from dcluster_provider.nodes.ec2.cloud import Ec2

    clients: AwsClients = context.client("aws")
    return Ec2(context.conn_id, settings, clients.ec2, clients.decode)


def make_gke(settings: GkeSettings, context: BackendContext) -> Cloud:
    """The cloud of a connection that names GKE; its credentials are read when Google is asked something first."""
    from dcluster_provider.nodes.gke.api import GkeApi
    from dcluster_provider.nodes.gke.gke import Gke

    credentials = partial(context.client("google_cloud_platform"), settings.conn_id)
    return Gke(context.conn_id, settings, GkeApi(settings, credentials))


CLOUDS: Mapping[str, Backend[Any, Cloud]] = {
    "on-premises": ON_PREMISES,
    "ec2": Backend(Ec2Settings, make_ec2),
    "gke": Backend(GkeSettings, make_gke),
}

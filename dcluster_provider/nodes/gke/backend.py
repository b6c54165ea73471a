"""GKE as a backend."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dcluster_provider.core.backend import Backend, BackendContext
from dcluster_provider.nodes.gke.settings import GkeSettings

if TYPE_CHECKING:
    from dcluster_provider.nodes.base import Cloud


def make_cloud(settings: GkeSettings, context: BackendContext) -> Cloud:
    """The cloud of a connection; its credentials are read when Google is asked something first."""
    from dcluster_provider.nodes.gke.api import GkeApi
    from dcluster_provider.nodes.gke.gke import Gke

    credentials = partial(context.client("google_cloud_platform"), settings.conn_id)
    return Gke(context.conn_id, settings, GkeApi(settings, credentials))


GKE: Backend[GkeSettings, Cloud] = Backend(GkeSettings, make_cloud)

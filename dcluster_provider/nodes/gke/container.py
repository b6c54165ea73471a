"""The client of the GKE API, at Google's address or at a private one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from google.cloud import container_v1


def container_client(endpoint: str, credentials: Any) -> container_v1.ClusterManagerClient:
    """A client of the GKE API.

    :param endpoint: empty means Google's; with ``http://`` the connection is not encrypted.
    """
    from google.cloud import container_v1

    make = container_v1.ClusterManagerClient
    scheme, host = _parts(endpoint)
    if not host:
        return make(credentials=credentials)
    transport = make.get_transport_class("grpc")
    if scheme == "http":
        import grpc

        return make(transport=transport(channel=grpc.insecure_channel(host)))
    return make(transport=transport(host=host, credentials=credentials))


def _parts(endpoint: str) -> tuple[str, str]:
    if "://" not in endpoint:
        endpoint = f"https://{endpoint}"
    parts = urlsplit(endpoint)
    return parts.scheme, parts.netloc

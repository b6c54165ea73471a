"""What the settings of every platform have in common."""

from __future__ import annotations

from dcluster_provider.core.connection_settings import DEFAULT_DEPLOYMENT, ConnectionSettings, Deployment


class PlatformSettings(ConnectionSettings):
    """What a connection says to its platform.

    A platform without namespaces leaves them empty.
    """

    deployment: Deployment = DEFAULT_DEPLOYMENT
    namespace: str = ""
    external_namespace: str = ""

"""The local platform as a backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcluster_provider.core.backend import Backend, BackendContext
from dcluster_provider.platforms.local.settings import LocalSettings

if TYPE_CHECKING:
    from dcluster_provider.platforms.base import Platform


def make_platform(settings: LocalSettings, context: BackendContext) -> Platform:
    """The platform of a connection."""
    from dcluster_provider.platforms.local.platform import LocalPlatform

    return LocalPlatform(settings, context.registry_id, context.read_secret)


LOCAL: Backend[LocalSettings, Platform] = Backend(LocalSettings, make_platform)

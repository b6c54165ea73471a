"""The platforms of this package, by the names that connections give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dcluster_provider.platforms.kubernetes.backend import KUBERNETES
from dcluster_provider.platforms.local.backend import LOCAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcluster_provider.core.backend import Backend
    from dcluster_provider.platforms.base import Platform

PLATFORMS: Mapping[str, Backend[Any, Platform]] = {"local": LOCAL, "kubernetes": KUBERNETES}

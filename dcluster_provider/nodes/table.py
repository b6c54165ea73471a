"""The clouds of this package, by the names that connections give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dcluster_provider.nodes.ec2.settings import EC2
from dcluster_provider.nodes.gke.settings import GKE
from dcluster_provider.nodes.on_premises import ON_PREMISES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcluster_provider.core.backend import Backend
    from dcluster_provider.nodes.base import Cloud

CLOUDS: Mapping[str, Backend[Any, Cloud]] = {"on-premises": ON_PREMISES, "ec2": EC2, "gke": GKE}

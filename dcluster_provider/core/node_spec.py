"""The specifications of nodes to launch and to destroy.

Field names and meanings are those of the node calls (sections 3.1 and 3.2) of the dCluster API.
"""

from __future__ import annotations

from pydantic import Field

from dcluster_provider.core.entity import Entity
from dcluster_provider.core.fields import Count, Line, Name

_REGION = "Region of the cloud; empty means the connection's."


class NodeRequest(Entity):
    """Nodes to add to the Kubernetes cluster."""

    node_count: Count = Field(ge=1, description="Number of nodes; the connection's `max_nodes` is the most.")
    instance_type: Name = Field(description="Instance type, by the cloud's name for it (`m5.large`).")
    region: Line = Field(default="", description=_REGION)
    alternative_types: tuple[Name, ...] = Field(
        default=(),
        max_length=59,
        description="Instance types to fall back on, in this order, where the cloud has no capacity left.",
    )


class DestroyRequest(Entity):
    """Nodes to drain and to release to the cloud."""

    node_ids: tuple[Name, ...] = Field(
        min_length=1, max_length=1000, description="The cloud's ids of the nodes' instances."
    )
    region: Line = Field(default="", description=_REGION)

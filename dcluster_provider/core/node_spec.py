"""What a user asks for: machines to launch or to destroy, every field checked where it enters.

Field names and meanings are those of the node calls (sections 3.1 and 3.2) of the dCluster API.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dcluster_provider.core.fields import Count, Line, Name
from dcluster_provider.core.spec import Entity


class NodeRequest(Entity):
    """Machines to add to the Kubernetes cluster.

    :param node_count: how many, at least 1; the connection says how many at most (``max_nodes``).
    :param instance_type: the cloud's name of the kind of machine (``m5.large``).
    :param region: the cloud's region; empty means the connection's.
    :param alternative_types: kinds that may take its place, in order, when the cloud has none left; at most 59.
    """

    node_count: Count = Field(ge=1)
    instance_type: Name
    region: Line = ""
    alternative_types: Annotated[tuple[Name, ...], Field(max_length=59)] = ()


class DestroyRequest(Entity):
    """Machines to take away from the Kubernetes cluster.

    :param node_ids: the cloud's ids of the machines, at least one, at most 1000.
    :param region: the cloud's region; empty means the connection's.
    """

    node_ids: Annotated[tuple[Name, ...], Field(min_length=1, max_length=1000)]
    region: Line = ""

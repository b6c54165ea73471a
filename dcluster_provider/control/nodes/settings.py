"""The settings of a connection for nodes, whichever cloud they come from."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from dcluster_provider.core.connection_fields import (
    PREFILLED,
    ConnectionSettings,
    Duration,
    Names,
    Text,
    whole_number,
)
from dcluster_provider.core.fields import Cpu, Memory
from dcluster_provider.core.machines import Capacity
from dcluster_provider.core.sizing import cpu_cores, memory_bytes
from dcluster_provider.nodes.base import CloudSettings
from dcluster_provider.nodes.on_premises import OnPremisesSettings


class NodeSettings(ConnectionSettings):
    """How nodes are launched and released.

    :param cloud_settings: settings of the cloud that ``cloud`` names.
    """

    cloud: Text = Field(
        "on-premises",
        title="Cloud",
        description="Where the nodes of the Kubernetes cluster come from: ec2, gke or on-premises, where nodes are "
        "neither launched nor terminated.",
        json_schema_extra=PREFILLED,
    )
    cloud_settings: CloudSettings = Field(default_factory=OnPremisesSettings)
    max_nodes: Annotated[int, whole_number(1)] = Field(
        100, title="Maximum nodes", description="The most nodes that one request may have."
    )
    launch_timeout: Duration = Field(
        timedelta(minutes=5),
        title="Time to launch a node",
        description="Seconds in which a machine has to run after it was requested.",
    )
    registration_timeout: Duration = Field(
        timedelta(minutes=15),
        title="Time to join",
        description="Seconds in which a machine has to be a ready node after it was requested.",
    )
    drain_timeout: Duration = Field(
        timedelta(minutes=15),
        title="Time to drain",
        description="Seconds in which the pods of a node have to be gone before the node is left as it is.",
    )
    unused_after: Duration = Field(
        timedelta(minutes=10),
        title="Nodes unused after",
        description="Seconds for which nothing may have used a node before a clean-up releases it.",
    )
    min_age: Duration = Field(
        timedelta(minutes=10),
        title="Minimum age of a node",
        description="Seconds after its launch before which no clean-up releases a node.",
    )
    max_removed: Annotated[int, whole_number(1)] = Field(
        10, title="Maximum nodes removed", description="Nodes that one clean-up releases."
    )
    cluster_instance_types: Names = Field(
        (),
        title="Instance types of clusters",
        description="Instance types of the nodes of clusters with launchNewNode, separated by commas: the preferred "
        "one, then those that may replace it.",
    )
    daemons_cpu: Cpu = Field(
        "250m",
        title="CPU of DaemonSets",
        description="CPU that the pods of DaemonSets request on each node; it is kept free when nodes are counted.",
    )
    daemons_memory: Memory = Field(
        "512Mi",
        title="Memory of DaemonSets",
        description="Memory that the pods of DaemonSets request on each node; it is kept free as well.",
    )

    @property
    def daemons(self) -> Capacity:
        """What the pods of DaemonSets request on each node."""
        return Capacity(float(cpu_cores(self.daemons_cpu)), memory_bytes(self.daemons_memory))

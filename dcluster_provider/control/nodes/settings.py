"""What a connection says of the machines that its clusters run on, whichever cloud they come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from dcluster_provider.core.machines import Capacity
from dcluster_provider.core.sizing import MIB
from dcluster_provider.nodes.ec2.settings import Ec2Settings
from dcluster_provider.nodes.gke.settings import GkeSettings


@dataclass(frozen=True)
class NodeSettings:
    """How machines are launched and given back.

    :param cloud: where they come from.
    :param max_nodes: that one request may ask for.
    :param launch_timeout: in which a machine has to run, after it was asked for.
    :param registration_timeout: in which it has to be a node of Kubernetes that is ready, after it was asked for.
    :param drain_timeout: in which the pods of a node have to be gone before it is left as it is.
    :param unused_after: for which nothing may have used a node before a clean-up gives it back.
    :param min_age: of a machine that a clean-up may give back.
    :param max_removed: machines that one clean-up gives back.
    :param cluster_instance_types: of the nodes of clusters with ``launchNewNode``: the one that is wanted, and those
        that may take its place.
    :param daemons: what the pods of DaemonSets ask for on each node.
    """

    cloud: Literal["on-premises", "ec2", "gke"] = "on-premises"
    max_nodes: int = 100
    launch_timeout: timedelta = timedelta(minutes=5)
    registration_timeout: timedelta = timedelta(minutes=15)
    drain_timeout: timedelta = timedelta(minutes=15)
    unused_after: timedelta = timedelta(minutes=10)
    min_age: timedelta = timedelta(minutes=10)
    max_removed: int = 10
    cluster_instance_types: tuple[str, ...] = ()
    daemons: Capacity = field(default_factory=lambda: Capacity(0.25, 512 * MIB))
    ec2: Ec2Settings | None = None
    gke: GkeSettings | None = None

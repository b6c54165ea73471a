"""Machines of a cloud, as every cloud describes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


class MachineState(str, Enum):
    """What a cloud says of a machine."""

    ORDERED = "ORDERED"  # asked for and not being made: launching the order again goes on with it
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"  # switched off, and paid for in part
    ENDING = "ENDING"
    GONE = "GONE"

    @property
    def is_live(self) -> bool:
        """Whether it can still serve a request: it is neither ending nor gone."""
        return self in (MachineState.ORDERED, MachineState.STARTING, MachineState.RUNNING)


@dataclass(frozen=True)
class Machine:
    """A machine of a cloud that carries this deployment's mark.

    :param id: the cloud's (``i-0123456789abcdef0`` of EC2, an instance's name of GKE).
    :param provider_id: as the node of Kubernetes names it (``aws:///eu-west-1a/i-0123456789abcdef0``).
    :param region: the cloud's region or zone that it is asked in.
    :param launched_at: when the cloud began to make it.
    :param mark: of the request that launched it (``NodeOrder.mark``).
    :param cluster: the name of the cluster that it was launched for; empty means for anybody.
    :param reason: why it ended, in the cloud's words.
    :param connection: the id of the connection that launched it; empty when its mark does not say.
    :param registry_id: of the registry that it was launched for; empty when it was before registries had ids.
    """

    id: str
    provider_id: str
    state: MachineState
    instance_type: str
    region: str
    launched_at: datetime
    mark: str = ""
    cluster: str = ""
    reason: str = ""
    connection: str = ""
    registry_id: str = ""


@dataclass(frozen=True)
class Capacity:
    """What a kind of machine has.

    :param cpu: cores.
    :param memory: bytes.
    """

    cpu: float
    memory: int


@dataclass(frozen=True)
class NodeOrder:
    """Machines that are wanted, once.

    :param mark: tells this request from every other of every deployment; the same request has the same mark whoever
        repeats it. At most 40 characters of a-z and 0-9.
    :param count: how many.
    :param instance_types: the kind that is wanted, and behind it those that may take its place when the cloud has
        none left; at most 60.
    :param region: never empty.
    :param cluster: the name of the cluster that they are for; empty means anybody.
    :param labels: of the nodes that they become.
    :param taints: of these nodes, as Kubernetes writes them: key, value, effect.
    :param registry_id: of the registry that knows the request; machines carry it.
    """

    mark: str
    count: int
    instance_types: tuple[str, ...]
    region: str
    cluster: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[dict[str, str], ...] = ()
    registry_id: str = ""

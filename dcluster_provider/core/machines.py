"""Machines of a cloud, and orders for them, in the same form for every cloud."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


class MachineState(str, Enum):
    """The state that a cloud reports of a machine."""

    ORDERED = "ORDERED"  # requested and not being made: launching the order again continues it
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"  # switched off, and still billed in part
    ENDING = "ENDING"
    GONE = "GONE"

    @property
    def is_live(self) -> bool:
        """Whether it can serve a request: it is neither ending nor gone."""
        return self in (MachineState.ORDERED, MachineState.STARTING, MachineState.RUNNING)


@dataclass(frozen=True)
class Machine:
    """A machine of a cloud that carries this deployment's mark.

    :param id: the cloud's id (``i-0123456789abcdef0`` of EC2, an instance's name of GKE).
    :param provider_id: id in the node of Kubernetes (``aws:///eu-west-1a/i-0123456789abcdef0``).
    :param region: the cloud's region or zone.
    :param launched_at: when the cloud began to make it.
    :param mark: mark of the request that launched it (``NodeOrder.mark``).
    :param cluster: name of the cluster that it was launched for; empty means for any.
    :param reason: why it ended, in the cloud's words.
    :param connection: id of the connection that launched it; empty when unknown.
    :param registry_id: id of the registry that it was launched for; empty for one of a version without these ids.
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
    """The resources of an instance type, or of pods.

    :param cpu: cores.
    :param memory: bytes.
    """

    cpu: float
    memory: int


@dataclass(frozen=True)
class NodeOrder:
    """An order for machines, which the cloud fulfils once.

    :param mark: identifies the request across deployments; a repeated request has the same mark. At most 40
        characters of a-z and 0-9.
    :param count: the number of machines.
    :param instance_types: the first choice, and its alternatives in order, for when the cloud has no capacity; at most
        60.
    :param region: never empty.
    :param cluster: name of the cluster that they are for; empty means any.
    :param labels: of the nodes that they become.
    :param taints: of these nodes, as Kubernetes writes them: key, value, effect.
    :param registry_id: id of the registry that stores the request; the machines carry it.
    """

    mark: str
    count: int
    instance_types: tuple[str, ...]
    region: str
    cluster: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[dict[str, str], ...] = ()
    registry_id: str = ""

"""The candidates of an order: the capacity pools to request instances from, in order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from dcluster_provider.core.machines import NodeOrder
from dcluster_provider.nodes.ec2.settings import Ec2Settings

MAX_TYPES = 60
_MARKETS = {
    "on-demand": ("on-demand",),
    "spot": ("spot",),
    "spot, then on-demand": ("spot", "on-demand"),
}


@dataclass(frozen=True)
class CapacityPool:
    """A combination of instance type, market and subnet that may have capacity.

    :param market: ``spot`` or ``on-demand``.
    :param subnet: empty means the launch template's, or the default one.
    """

    market: str
    instance_type: str
    subnet: str

    def __str__(self) -> str:
        return f"{self.instance_type} {self.market}" + (f" in {self.subnet}" if self.subnet else "")


@dataclass(frozen=True)
class InstanceRequest:
    """One RunInstances request: however often it is sent, EC2 answers with the same instances.

    :param count: the number of instances.
    :param generation: incremented when the instances of an earlier request have ended.
    """

    mark: str
    candidate: CapacityPool
    count: int
    generation: int = 0

    @property
    def token(self) -> str:
        """The ClientToken, 64 characters: the same for every attempt of the same request."""
        return hashlib.sha256(f"{self.mark}\n{self.name}".encode()).hexdigest()

    @property
    def name(self) -> str:
        """The request's name within its order, as the tag of its instances; see :meth:`named`."""
        it = self.candidate
        return f"{self.generation}/{self.count}/{it.market}/{it.instance_type}/{it.subnet}"

    @classmethod
    def named(cls, mark: str, name: str) -> InstanceRequest | None:
        """The request whose instances carry a tag; None when the tag has another format."""
        parts = name.split("/")
        if len(parts) != 5 or not (parts[0].isdigit() and parts[1].isdigit()):
            return None
        return cls(mark, CapacityPool(*parts[2:]), int(parts[1]), int(parts[0]))


def candidates(order: NodeOrder, settings: Ec2Settings) -> list[CapacityPool]:
    """Every candidate of an order, the first choice first, with at most 60 types."""
    types = tuple(dict.fromkeys((*order.instance_types, *settings.alternatives)))[:MAX_TYPES]
    return [
        CapacityPool(market, instance_type, subnet)
        for market in _MARKETS[settings.market]
        for instance_type in types
        for subnet in settings.subnets or ("",)
    ]

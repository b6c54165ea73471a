"""The ways in which EC2 is asked for an order's instances, one after the other."""

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
    """A place where the wanted instances may be had.

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
    """One request for instances: however often it is made, EC2 answers with the same ones.

    :param count: how many it asks for.
    :param generation: moves when the instances of an earlier one have ended.
    """

    mark: str
    candidate: CapacityPool
    count: int
    generation: int = 0

    @property
    def token(self) -> str:
        """The ClientToken, 64 characters: the same for every try of the same request."""
        return hashlib.sha256(f"{self.mark}\n{self.name}".encode()).hexdigest()

    @property
    def name(self) -> str:
        """The request among those of its order, as the tag of its instances; see :meth:`named`."""
        it = self.candidate
        return f"{self.generation}/{self.count}/{it.market}/{it.instance_type}/{it.subnet}"

    @classmethod
    def named(cls, mark: str, name: str) -> InstanceRequest | None:
        """The request whose instances carry a tag; none when somebody wrote another text into it."""
        parts = name.split("/")
        if len(parts) != 5 or not (parts[0].isdigit() and parts[1].isdigit()):
            return None
        return cls(mark, CapacityPool(*parts[2:]), int(parts[1]), int(parts[0]))


def candidates(order: NodeOrder, settings: Ec2Settings) -> list[CapacityPool]:
    """Every place where an order's instances may be had, the most wanted first, of at most 60 types."""
    types = tuple(dict.fromkeys((*order.instance_types, *settings.alternatives)))[:MAX_TYPES]
    return [
        CapacityPool(market, instance_type, subnet)
        for market in _MARKETS[settings.market]
        for instance_type in types
        for subnet in settings.subnets or ("",)
    ]

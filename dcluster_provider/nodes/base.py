"""The protocol of clouds: machines, without any knowledge of Kubernetes; and what the settings of all of them have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal, Protocol, get_args

from dcluster_provider.core.connection_fields import (
    DEFAULT_DEPLOYMENT,
    ConnectionSettings,
    Deployment,
    Names,
    at_most,
    one_of,
)
from dcluster_provider.core.machines import Capacity, Machine, NodeOrder

MARKETS = Literal["on-demand", "spot", "spot, then on-demand"]
# How machines are paid for; the last one tries every kind of machine as spot first.
Market = Annotated[MARKETS, one_of(*get_args(MARKETS))]
Alternatives = Annotated[Names, at_most(59)]  # an order has room for 60 types


class Cloud(Protocol):
    """A cloud that launches and releases machines.

    Only machines with the mark of the connection's deployment are returned or touched. Every call may be repeated, also
    by two processes at once, and a process may be killed at any line.
    """

    name: str

    def region(self, given: str) -> str:
        """The region to use: the given one, or the connection's.

        :raises InvalidSpec: no region has this name (the error names the nearest), or none is configured.
        """

    def check_order(self, order: NodeOrder) -> None:
        """Reject an order that cannot be launched, before anything is stored or started.

        :raises InvalidSpec: a field is wrong; the error names it and the nearest valid value, or what to configure.
        """

    def check_ids(self, machine_ids: Sequence[str]) -> None:
        """Reject ids that have the wrong form for this cloud, or whose machines cannot be destroyed here.

        :raises InvalidSpec: an id is invalid; the error names the first one.
        """

    def launch(self, order: NodeOrder) -> tuple[Machine, ...]:
        """Launch the missing machines of an order: live machines with its mark count as launched.

        A cloud that needs several steps takes those that are possible now and returns the future machines as
        ``ORDERED``: as long as there are any, the same order is launched again.

        :returns: every live machine of the order; fewer than ordered is an error.
        :raises NodesFailed: the cloud has no capacity; machines launched in vain are released.
        :raises CloudUnavailable: the cloud does not answer now.
        """

    def machines(self, region: str, *, mark: str = "") -> list[Machine]:
        """Every machine of this deployment, from all pages, including those that ended a while ago.

        :param mark: only machines of one order.
        :raises CloudUnavailable: the listing is incomplete.
        """

    def terminate(self, machine_ids: Sequence[str], region: str) -> tuple[str, ...]:
        """Release machines in small batches; one that is gone already counts as released.

        Each is looked up right before, and left if it has no mark of this deployment.

        :returns: the ids of the released machines.
        """

    def instance_types(self, region: str) -> frozenset[str]:
        """The offered instance types; requested at most once an hour."""

    def capacities(self, instance_types: Sequence[str], region: str) -> dict[str, Capacity]:
        """The capacity of instance types; unknown types are left out."""

    def list_instances(self, region: str) -> Iterable[tuple[str, dict[str, Any]]]:
        """The id and description (JSON) of every machine of the account, whoever launched it, page by page."""


class CloudSettings(ConnectionSettings):
    """What a connection says to its cloud."""

    can_launch: ClassVar[bool] = True  # whether machines are launched and terminated there

    deployment: Deployment = DEFAULT_DEPLOYMENT

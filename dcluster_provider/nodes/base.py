"""What every cloud offers to the use cases above it: machines, and nothing of Kubernetes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from dcluster_provider.core.machines import Capacity, Machine, NodeOrder


class Cloud(Protocol):
    """Where machines come from, or nowhere.

    Only machines that carry the mark of the connection's deployment are told of or touched. Every call may be
    repeated, by two processes at once, too, and a process may be killed in the middle of any.
    """

    name: str

    def region(self, given: str) -> str:
        """The region to ask in: the given one, or the connection's.

        :raises InvalidSpec: there is none of this name (the nearest is told), or neither names one.
        """

    def check_order(self, order: NodeOrder) -> None:
        """Refuse, before anything is stored or started, what cannot be launched.

        :raises InvalidSpec: naming the field and the nearest valid value, or what has to be configured.
        """

    def check_ids(self, machine_ids: Sequence[str]) -> None:
        """Refuse ids that cannot be this cloud's by their form, or whose machines cannot be destroyed here.

        :raises InvalidSpec: naming the first of them.
        """

    def launch(self, order: NodeOrder) -> tuple[Machine, ...]:
        """Launch what is missing of an order: machines of its mark that are live count as launched.

        A cloud that needs several steps takes those that it can take now and tells of the machines to come as
        ``ORDERED``: as long as there are any, the same order is launched again.

        :returns: every live machine of the order; fewer than asked for is an error.
        :raises NodesFailed: it cannot be had; machines that were launched in vain have been given back.
        :raises CloudUnavailable: the cloud could not be asked just now.
        """

    def machines(self, region: str, *, mark: str = "") -> list[Machine]:
        """Every machine of this deployment, all pages of them, and those that ended a while ago.

        :param mark: only those of one order.
        :raises CloudUnavailable: the listing is not complete.
        """

    def terminate(self, machine_ids: Sequence[str], region: str) -> tuple[str, ...]:
        """Give machines back, in small batches; one that is gone already counts as given back.

        What carries no mark of this deployment is looked up right before, and left.

        :returns: the ids of those that are given back.
        """

    def instance_types(self, region: str) -> frozenset[str]:
        """The kinds of machines on offer; asked for at most once an hour."""

    def capacities(self, instance_types: Sequence[str], region: str) -> dict[str, Capacity]:
        """What these kinds of machines have, before anything is reserved; unknown kinds are left out."""

    def list_instances(self, region: str) -> Iterable[tuple[str, dict[str, Any]]]:
        """The id and description (JSON) of every machine of the account, whoever launched it, page by page."""

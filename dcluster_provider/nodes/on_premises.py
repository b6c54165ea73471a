"""Machines that are simply there: none can be made or destroyed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from dcluster_provider.core.backend import Backend, BackendContext
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.machines import Capacity, Machine, NodeOrder
from dcluster_provider.nodes.settings import CloudSettings

if TYPE_CHECKING:
    from dcluster_provider.nodes.base import Cloud


class OnPremisesSettings(CloudSettings):
    """There is nothing to say of machines that are simply there."""

    can_launch: ClassVar[bool] = False


class OnPremises:
    """The machines of a connection without a cloud; see :class:`~dcluster_provider.nodes.base.Cloud`.

    :param conn_id: the connection, for messages.
    """

    name = "on-premises"

    def __init__(self, conn_id: str) -> None:
        self._conn_id = conn_id

    def region(self, given: str) -> str:
        """Regions mean nothing here."""
        return given

    def check_order(self, order: NodeOrder) -> None:
        """Always refused.

        :raises InvalidSpec: no machine can be launched here.
        """
        self._refuse(f"{order.count} nodes of type {order.instance_types[0]!r} cannot be launched")

    def check_ids(self, machine_ids: Sequence[str]) -> None:
        """Always refused.

        :raises InvalidSpec: no machine can be destroyed here.
        """
        self._refuse(f"the nodes {', '.join(machine_ids[:5])} cannot be destroyed")

    def launch(self, order: NodeOrder) -> tuple[Machine, ...]:
        """Always refused.

        :raises InvalidSpec: no machine can be launched here.
        """
        self.check_order(order)
        return ()

    def machines(self, region: str, *, mark: str = "") -> list[Machine]:  # noqa: ARG002
        """None: no machine here was launched by anybody."""
        return []

    def terminate(self, machine_ids: Sequence[str], region: str) -> tuple[str, ...]:  # noqa: ARG002
        """Always refused.

        :raises InvalidSpec: no machine can be destroyed here.
        """
        self.check_ids(machine_ids)
        return ()

    def instance_types(self, region: str) -> frozenset[str]:  # noqa: ARG002
        """None: nobody offers machines."""
        return frozenset()

    def capacities(self, instance_types: Sequence[str], region: str) -> dict[str, Capacity]:  # noqa: ARG002
        """None: nobody offers machines."""
        return {}

    def list_instances(self, region: str) -> Iterable[tuple[str, dict[str, Any]]]:  # noqa: ARG002
        """None: no cloud is there to list any."""
        return ()

    def _refuse(self, what: str) -> NoReturn:
        raise InvalidSpec(
            f"connection {self._conn_id!r}: {what}: its machines come from no cloud, so they are neither made nor "
            "destroyed here. Add machines to the cluster by hand, or name a connection whose machines come from a "
            "cloud (field cloud)"
        )


def make_cloud(_settings: OnPremisesSettings, context: BackendContext) -> Cloud:
    """The cloud of a connection without one."""
    return OnPremises(context.conn_id)


ON_PREMISES: Backend[OnPremisesSettings, Cloud] = Backend(OnPremisesSettings, make_cloud)

"""A connection without a cloud: machines can be neither launched nor destroyed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from dcluster_provider.core.backend import Backend, BackendContext
from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.machines import Capacity, Machine, NodeOrder
from dcluster_provider.nodes.base import CloudSettings

if TYPE_CHECKING:
    from dcluster_provider.nodes.base import Cloud


class OnPremisesSettings(CloudSettings):
    """There is nothing to say of machines that are simply there."""

    can_launch: ClassVar[bool] = False


class OnPremises:
    """The machines of a connection without a cloud; see :class:`~dcluster_provider.nodes.base.Cloud`.

    :param conn_id: the connection, for errors.
    """

    name = "on-premises"

    def __init__(self, conn_id: str) -> None:
        self._conn_id = conn_id

    def region(self, given: str) -> str:
        """Return an empty region, since there is no cloud."""
        return given

    def check_order(self, order: NodeOrder) -> None:
        """Reject every order.

        :raises InvalidSpec: always; no machine can be launched here.
        """
        self._reject(f"{order.count} nodes of type {order.instance_types[0]!r} cannot be launched")

    def check_ids(self, machine_ids: Sequence[str]) -> None:
        """Reject every id.

        :raises InvalidSpec: always; no machine can be destroyed here.
        """
        self._reject(f"the nodes {', '.join(machine_ids[:5])} cannot be destroyed")

    def launch(self, order: NodeOrder) -> tuple[Machine, ...]:
        """Reject every order.

        :raises InvalidSpec: always; no machine can be launched here.
        """
        self.check_order(order)
        return ()

    def machines(self, region: str, *, mark: str = "") -> list[Machine]:  # noqa: ARG002
        """Return nothing: this deployment launched no machine."""
        return []

    def terminate(self, machine_ids: Sequence[str], region: str) -> tuple[str, ...]:  # noqa: ARG002
        """Reject every id.

        :raises InvalidSpec: always; no machine can be destroyed here.
        """
        self.check_ids(machine_ids)
        return ()

    def instance_types(self, region: str) -> frozenset[str]:  # noqa: ARG002
        """Return nothing, since there is no cloud."""
        return frozenset()

    def capacities(self, instance_types: Sequence[str], region: str) -> dict[str, Capacity]:  # noqa: ARG002
        """Return nothing, since there is no cloud."""
        return {}

    def list_instances(self, region: str) -> Iterable[tuple[str, dict[str, Any]]]:  # noqa: ARG002
        """Return nothing, since there is no cloud."""
        return ()

    def _reject(self, what: str) -> NoReturn:
        raise InvalidSpec(
            f"connection {self._conn_id!r}: {what}: its machines come from no cloud, so they are neither made nor "
            "destroyed here. Add machines to the cluster by hand, or name a connection whose machines come from a "
            "cloud (field cloud)"
        )


def make_cloud(_settings: OnPremisesSettings, context: BackendContext) -> Cloud:
    """The cloud of a connection without one."""
    return OnPremises(context.conn_id)


ON_PREMISES: Backend[OnPremisesSettings, Cloud] = Backend(OnPremisesSettings, make_cloud)

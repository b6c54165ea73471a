"""Machines that are simply there: none can be made or destroyed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from dcluster_provider.core.errors import InvalidSpec
from dcluster_provider.core.node_spec import DestroyRequest, NodeRequest
from dcluster_provider.nodes.base import NodeCleanup


class OnPremises:
    """The machines of a connection without a cloud; see :class:`~dcluster_provider.nodes.base.NodeSource`.

    :param conn_id: the connection, for messages.
    """

    name = "on-premises"

    def __init__(self, conn_id: str) -> None:
        self._conn_id = conn_id

    def check_launch(self, request: NodeRequest) -> None:
        """Always refused.

        :raises InvalidSpec: no machine can be launched here.
        """
        self._refuse(f"{request.node_count} nodes of type {request.instance_type!r} cannot be launched")

    def check_destroy(self, request: DestroyRequest) -> None:
        """Always refused.

        :raises InvalidSpec: no machine can be destroyed here.
        """
        self._refuse(f"the nodes {', '.join(request.node_ids[:5])} cannot be destroyed")

    def launch(self, request: NodeRequest, key: str) -> tuple[str, ...]:  # noqa: ARG002
        """Always refused.

        :raises InvalidSpec: no machine can be launched here.
        """
        self.check_launch(request)
        return ()

    def destroy(self, request: DestroyRequest) -> tuple[str, ...]:
        """Always refused.

        :raises InvalidSpec: no machine can be destroyed here.
        """
        self.check_destroy(request)
        return ()

    def instance_types(self, region: str) -> frozenset[str]:  # noqa: ARG002
        """None: nobody offers machines."""
        return frozenset()

    def list_instances(self, region: str) -> Iterable[tuple[str, dict[str, Any]]]:  # noqa: ARG002
        """None: no cloud is there to list any."""
        return ()

    def clean_up(self, *, dry_run: bool) -> NodeCleanup:  # noqa: ARG002
        """Nothing: no machine here was launched by anybody."""
        return NodeCleanup()

    def _refuse(self, what: str) -> NoReturn:
        raise InvalidSpec(
            f"connection {self._conn_id!r}: {what}: its machines come from no cloud, so they are neither made nor "
            "destroyed here. Add machines to the cluster by hand, or name a connection whose machines come from a "
            "cloud"
        )

"""What every source of machines offers to the use cases above it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from dcluster_provider.core.node_spec import DestroyRequest, NodeRequest


@dataclass(frozen=True)
class NodeCleanup:
    """What a clean-up of unused machines found.

    :param seen: machines of this deployment.
    :param removed: why each was given back, or would have been in a dry run, by its id.
    :param left: why each stays, by its id.
    """

    seen: int = 0
    removed: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)


class NodeSource(Protocol):
    """Where machines come from: a cloud, or nowhere."""

    name: str

    def check_launch(self, request: NodeRequest) -> None:
        """Refuse, before anything is stored or started, what cannot be launched.

        :raises InvalidSpec: naming the field, or what has to be configured.
        """

    def check_destroy(self, request: DestroyRequest) -> None:
        """Refuse, before anything is stored or ended, what cannot be destroyed.

        :raises InvalidSpec: naming the field, or what has to be configured.
        """

    def launch(self, request: NodeRequest, key: str) -> tuple[str, ...]:
        """Launch machines, unless this very request (key) launched them before; returns their ids.

        :raises InvalidSpec: they cannot be launched.
        """

    def destroy(self, request: DestroyRequest) -> tuple[str, ...]:
        """Drain machines and give them back; returns the ids of those that are given back by it.

        :raises InvalidSpec: they cannot be destroyed.
        """

    def instance_types(self, region: str) -> frozenset[str]:
        """The kinds of machines on offer."""

    def list_instances(self, region: str) -> Iterable[tuple[str, dict[str, Any]]]:
        """The id and description of every machine, page by page."""

    def clean_up(self, *, dry_run: bool) -> NodeCleanup:
        """Give back machines that nothing has used for a while.

        :param dry_run: only tell what would be done.
        """

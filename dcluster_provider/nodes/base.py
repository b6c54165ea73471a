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
    :param removed: ids of those that were given back, or would have been in a dry run.
    :param left: ids of those that stay, each with the reason.
    """

    seen: int = 0
    removed: tuple[str, ...] = ()
    left: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {"seen": self.seen, "removed": list(self.removed), "left": self.left}

    def __str__(self) -> str:
        return f"{self.seen} nodes seen, {len(self.removed)} removed, {len(self.left)} left"


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

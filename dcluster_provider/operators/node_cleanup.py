"""The operator that gives back machines that nothing uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dcluster_provider.operators.ownership import DClusterOperator, ends_own_when_killed

if TYPE_CHECKING:
    from airflow.sdk import Context


class DClusterCleanupNodesOperator(DClusterOperator):
    """Gives back the machines that nothing has used for a while, and returns what it saw, did and left.

    :param dry_run: only report what would be done, templated.
    """

    template_fields: Sequence[str] = ("dry_run_only", "dcluster_conn_id")

    def __init__(self, *, dry_run: bool | str = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dry_run_only = dry_run  # BaseOperator has a method dry_run

    @ends_own_when_killed
    def execute(self, _context: Context) -> dict[str, Any]:
        """Clean up."""
        report = self.hook.nodes.clean_up(dry_run=str(self.dry_run_only).lower() == "true")
        self.log.info("%s", report)
        return report.as_json()

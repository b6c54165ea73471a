"""What the operators share that do something to a cluster that exists."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.arguments import record_id
from dcluster_provider.operators.ownership import DClusterOperator, ends_own_when_killed, states_named

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from dcluster_provider.core.record import ClusterState


class NamedClusterOperator(DClusterOperator):
    """Does something to a cluster, and waits until it is in one of some states.

    :param cluster_id: the cluster's id, templated.
    :param cluster_name: the cluster's name instead of its id, templated.
    """

    def __init__(
        self,
        *,
        cluster_id: int | str | XComArg | None = None,
        cluster_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if cluster_id is None and cluster_name is None:
            raise TypeError(f"{self.task_id}: name the cluster with cluster_id or cluster_name")
        self.cluster_id = cluster_id
        self.cluster_name = cluster_name

    @abstractmethod
    def states(self) -> tuple[ClusterState, ...]:
        """The states that end the wait."""

    def wait_on(self, cluster_id: int, deadline: float | None) -> None:
        """Wait on the worker or in the triggerer.

        :param deadline: Unix time at which the task fails; None means never.
        """
        if self.deferrable:
            from dcluster_provider.triggers.dcluster import ClusterTrigger

            names = states_named(self.states())
            self.defer_to(
                ClusterTrigger(self.dcluster_conn_id, cluster_id, names, self.poll_interval, deadline),
                "execute_complete",
            )
        self._wait(cluster_id, seconds_until(deadline))

    @ends_own_when_killed
    def execute_complete(self, _context: Context, event: dict[str, Any]) -> None:
        """Finish after the wait in the triggerer."""
        self.log_lines(event)
        self.finish(event["id"], is_reached=event["cause"] == "state")

    def finish(self, cluster_id: int, *, is_reached: bool) -> None:
        """Judge the cluster after the wait in the triggerer.

        :param is_reached: it was seen in one of the states.
        """
        self._wait(cluster_id, 0, just_polled=is_reached)

    def _wait(self, cluster_id: int, timeout: float | None, *, just_polled: bool = False) -> None:
        pause = min(self.poll_interval, 1.0)
        self.hook.clusters.wait(
            cluster_id, self.states(), timeout, poll_interval=pause, just_polled=just_polled
        )


def named_cluster(cluster_id: Any, cluster_name: str | None) -> int | str | None:
    """The id or name of the cluster that two rendered arguments select; None for neither.

    :raises InvalidSpec: the id is not a number.
    """
    if cluster_id not in (None, "", "None"):
        return record_id("cluster_id", cluster_id)
    return cluster_name if cluster_name not in ("", "None") else None


def seconds_until(deadline: float | None) -> float | None:
    """The seconds until a Unix time; None without one."""
    return None if deadline is None else max(0.0, deadline - time.time())

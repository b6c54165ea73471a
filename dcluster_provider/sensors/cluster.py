"""The sensor that waits for a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.arguments import record_id
from dcluster_provider.core.record import Cluster, ClusterState
from dcluster_provider.sensors.waiting import RecordSensor

if TYPE_CHECKING:
    from airflow.sdk import XComArg


class DClusterClusterSensor(RecordSensor):
    """Waits for a cluster to be in one of some states.

    :param cluster_id: the cluster's id, templated.
    :param cluster_name: the cluster's name instead of its id, templated.

    The other arguments are those of :class:`~dcluster_provider.sensors.waiting.RecordSensor`.

    :raises ClusterFailed: the cluster ended in another state.
    """

    kind = "cluster"
    kind_of_state = ClusterState
    template_fields: Sequence[str] = ("cluster_id", "cluster_name", "states", "dcluster_conn_id")

    def __init__(
        self,
        *,
        cluster_id: int | str | XComArg | None = None,
        cluster_name: str | None = None,
        states: str | Sequence[str] = "RUNNING",
        **kwargs: Any,
    ) -> None:
        super().__init__(states=states, **kwargs)
        if cluster_id is None and cluster_name is None:
            raise TypeError(f"{self.task_id}: name the cluster to watch with cluster_id or cluster_name")
        self.cluster_id = cluster_id
        self.cluster_name = cluster_name

    def poll(self) -> Cluster:
        """Poll the cluster and return it."""
        cluster = self.recorded()
        return self.hook.clusters.observe([cluster.id])[cluster.id]

    def recorded(self) -> Cluster:
        """The cluster in its last recorded state."""
        if self.cluster_id is not None:
            return self.hook.clusters.get(record_id("cluster_id", self.cluster_id))
        return self.hook.clusters.get(str(self.cluster_name))

    def reject_end(self, record: Any) -> None:
        """Raise if the cluster has ended, with its diagnosis."""
        from dcluster_provider.control.clusters import raise_if_ended

        raise_if_ended(record)

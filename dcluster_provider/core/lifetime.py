"""When a cluster is due to be terminated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dcluster_provider.core.record import Cluster


@dataclass(frozen=True)
class Limits:
    """The limits of a cluster's life.

    :param idle: time without a live job; None means no limit.
    :param lifetime: time since its request; None means no limit.
    """

    idle: timedelta | None = None
    lifetime: timedelta | None = None

    def of(self, cluster: Cluster) -> Limits:
        """These limits, overridden by the cluster's own."""
        spec = cluster.spec
        return Limits(
            timedelta(seconds=spec.idle_timeout) if spec.idle_timeout else self.idle,
            timedelta(seconds=spec.max_lifetime) if spec.max_lifetime else self.lifetime,
        )


@dataclass(frozen=True)
class Reason:
    """Why a cluster is due to be terminated.

    :param text: in words, for an event.
    :param only_unused: whether it holds only as long as nothing runs on the cluster.
    """

    text: str
    only_unused: bool = False

    def __str__(self) -> str:
        return self.text


def reason_to_end(cluster: Cluster, limits: Limits, owner_is_over: bool, now: datetime) -> Reason | None:
    """Why a live cluster is due to be terminated now; None when it is not.

    :param limits: the connection's limits; the cluster's own override them.
    :param owner_is_over: whether the DAG run that launched it has ended, which does not matter for a long-living one.
    """
    if cluster.is_external:
        return None
    own = limits.of(cluster)
    if owner_is_over and not cluster.spec.long_living:
        return Reason(f"its owner run is over ({cluster.owner})")
    if own.lifetime is not None and now - cluster.created_at >= own.lifetime:
        return Reason(f"it has reached its maximum lifetime of {own.lifetime}")
    is_unused = cluster.last_used_at <= cluster.created_at  # then its launch, or its queue, is no idleness
    idle_since = cluster.state_since if is_unused else cluster.last_used_at
    if own.idle is not None and now - idle_since >= own.idle:
        return Reason(f"it has been idle for {own.idle}", only_unused=True)
    return None

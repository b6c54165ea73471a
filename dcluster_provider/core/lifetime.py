"""When a cluster has lived long enough."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dcluster_provider.core.record import Cluster


@dataclass(frozen=True)
class Limits:
    """How long a cluster may live.

    :param idle: without a live job; none means for ever.
    :param lifetime: since it was asked for; none means for ever.
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
    """Why a cluster has to be ended.

    :param text: in words, for an event.
    :param only_unused: it holds only as long as nothing is at work on the cluster.
    """

    text: str
    only_unused: bool = False

    def __str__(self) -> str:
        return self.text


def reason_to_end(cluster: Cluster, limits: Limits, owner_is_over: bool, now: datetime) -> Reason | None:
    """Why a live cluster has to be ended now, or nothing.

    :param limits: the connection's; the cluster's own settings override them.
    :param owner_is_over: the Airflow run that launched it has ended; does not matter for a long-living cluster.
    """
    if cluster.is_external:
        return None
    own = limits.of(cluster)
    if owner_is_over and not cluster.spec.long_living:
        return Reason(f"its owner run is over ({cluster.owner})")
    if own.lifetime is not None and now - cluster.created_at >= own.lifetime:
        return Reason(f"it has reached its maximum lifetime of {own.lifetime}")
    if own.idle is not None and now - cluster.job_seen_at >= own.idle:
        return Reason(f"it has been idle for {own.idle}", only_unused=True)
    return None

"""How many workers an elastic cluster may have, and how many its jobs and its idleness want it to have."""

from __future__ import annotations

from datetime import datetime, timedelta

from dcluster_provider.core.errors import ClusterNotRunning, InvalidSpec
from dcluster_provider.core.record import Cluster, ClusterState, Job
from dcluster_provider.platforms.base import Platform
from dcluster_provider.platforms.capabilities import SupportsResizing, cannot

IDLE_BEFORE_SHRINKING = timedelta(minutes=5)


def check_size(platform: Platform, cluster: Cluster, workers: int) -> None:
    """Check that a cluster can be resized to a number of workers; nothing is changed.

    :raises InvalidSpec: it is not elastic, or the number is out of its bounds.
    :raises ClusterNotRunning: it is still being launched, is terminating or has ended.
    :raises PlatformRefused: its platform cannot resize clusters.
    """
    spec = cluster.spec
    if not spec.is_elastic or cluster.is_external:
        raise InvalidSpec(
            f"field workers: {cluster} has a fixed size of {spec.workers} workers; one that is launched with "
            "maxWorkers can be resized"
        )
    if not spec.min_size <= workers <= spec.max_size:
        raise InvalidSpec(
            f"field workers: {workers} is out of the bounds of {cluster}, which may have {spec.min_size} to "
            f"{spec.max_size} workers"
        )
    require_running(cluster)
    require_resizing(platform)


def require_resizing(platform: Platform) -> None:
    """Reject a platform whose clusters have a fixed size.

    :raises PlatformRefused: it is one.
    """
    if not isinstance(platform, SupportsResizing):
        raise cannot(platform, "resize clusters")


def require_running(cluster: Cluster) -> None:
    """Reject a cluster that has no workers yet, or none any more.

    :raises ClusterNotRunning: it is one.
    """
    if not cluster.state.takes_jobs:
        raise ClusterNotRunning(f"{cluster} is {cluster.state.value}; only a running cluster can be resized")


def size_for(job: Job, cluster: Cluster) -> int | None:
    """How many workers a shared cluster has to have at least for a job that starts on it; none when that is open."""
    asked = job.spec.max_workers or job.spec.num_workers
    if asked is None or job.owns_cluster or cluster.is_external or not cluster.spec.is_elastic:
        return None
    return max(cluster.spec.min_size, min(asked, cluster.spec.max_size))


def is_larger_than_idle(cluster: Cluster, now: datetime) -> bool:
    """Whether a shared cluster on which no job is live may shrink to its fewest workers."""
    is_settled = cluster.state is ClusterState.RUNNING and cluster.resizing_since is None
    is_larger = cluster.spec.long_living and cluster.spec.workers > cluster.spec.min_size
    return (
        is_settled
        and is_larger
        and now - max(cluster.last_used_at, cluster.state_since) > IDLE_BEFORE_SHRINKING
    )

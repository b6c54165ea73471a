"""Clusters whose location is not the one that their connection leads to.

The connection was edited after their launch. That they are absent from its present location proves nothing: they may be
running where they were made.
"""

from __future__ import annotations

from dcluster_provider.core.diagnosis import ClusterCode, Diagnosis
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.identity import is_same_location
from dcluster_provider.core.observation import ObservationError
from dcluster_provider.core.record import Cluster
from dcluster_provider.platforms.base import Platform


def remote_error(platform: Platform, cluster: Cluster) -> ObservationError | None:
    """Why a cluster and its jobs cannot be observed or changed through this connection; None when they can.

    A cluster without a recorded location counts as local to the connection.
    """
    if not cluster.location:
        return None
    here = platform.location_of(cluster.spec)
    if is_same_location(cluster.location, here):
        return None
    return ObservationError(PlatformRefused(str(cluster), _is_remote(cluster, here)), is_refused=True)


def require_same_location(platform: Platform, cluster: Cluster) -> None:
    """Reject any action on a cluster at another location; the cluster stays as it is.

    :raises PlatformRefused: the cluster is remote; the error names both locations.
    """
    error = remote_error(platform, cluster)
    if error is not None:
        raise error.why


def _is_remote(cluster: Cluster, here: str) -> Diagnosis:
    return Diagnosis(
        ClusterCode.ELSEWHERE,
        f"It was made in {cluster.location}, and the connection now leads to {here}.",
        f"Restore the earlier value of connection {cluster.conn_id!r} until the cluster has ended, and use another "
        "connection for the new location. Until then the cluster is neither polled nor terminated, and keeps running.",
    )

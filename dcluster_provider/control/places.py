"""Clusters that were made in another place than the one where their platform looks by now.

What is not there tells nothing of them: they may be at work in the place where they were made.
"""

from __future__ import annotations

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.diagnosis_codes import ClusterCode
from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.observation import ObservationError
from dcluster_provider.core.places import is_same_place
from dcluster_provider.core.record import Cluster
from dcluster_provider.platforms.base import Platform


def remote_error(platform: Platform, cluster: Cluster) -> ObservationError | None:
    """Why a cluster and its jobs can be neither seen, nor ended, nor gone on with from here; none when they can.

    One that was made before its place was remembered is taken to be here.
    """
    if not cluster.place:
        return None
    here = platform.place_of(cluster.spec)
    if is_same_place(cluster.place, here):
        return None
    return ObservationError(PlatformRefused(str(cluster), _elsewhere(cluster, here)), is_refused=True)


def require_same_location(platform: Platform, cluster: Cluster) -> None:
    """Refuse to do anything about a cluster that was made elsewhere; it stays as it was.

    :raises PlatformRefused: naming both places.
    """
    unseen = remote_error(platform, cluster)
    if unseen is not None:
        raise unseen.why


def _elsewhere(cluster: Cluster, here: str) -> Diagnosis:
    return Diagnosis(
        ClusterCode.ELSEWHERE,
        f"It was made in {cluster.place}, and the connection says {here} by now.",
        f"Give connection {cluster.conn_id!r} its earlier value until the cluster has ended, and use another "
        "connection for the new place. Until then the cluster is neither looked at nor ended, and goes on.",
    )

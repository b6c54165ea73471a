"""A cluster that is described and never launched: what it would need is what the checks look for."""

from __future__ import annotations

import secrets
from datetime import datetime, timezone

from dcluster_provider.core.fields import ClusterType
from dcluster_provider.core.record import Cluster, ClusterState
from dcluster_provider.core.spec import ClusterSpec
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings


def trial_cluster(settings: KubernetesSettings, cluster_type: ClusterType, name: str = "") -> Cluster:
    """The smallest cluster of a type, by the defaults of a specification.

    :param name: a fresh one when empty; it belongs to the deployment, so that a clean-up finds what is left of it.
    """
    now = datetime.now(timezone.utc)
    name = name or f"doctor-{secrets.token_hex(5)}"
    return Cluster(
        id=0,
        name=name,
        key=name,
        generation=1,
        version=1,
        deployment=settings.deployment,
        conn_id=settings.conn_id,
        platform="kubernetes",
        spec=ClusterSpec(tenant="doctor", type=cluster_type),
        owner=None,
        state=ClusterState.REQUESTED,
        created_at=now,
        state_since=now,
        job_seen_at=now,
    )

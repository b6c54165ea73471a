"""A registry that has lost a row, as one that was restored from an older copy."""

from __future__ import annotations

from sqlalchemy import create_engine

from dcluster_provider.core.record import Cluster
from dcluster_provider.registry.models import cluster_table, job_table


def forget(registry_url: str, cluster: Cluster) -> None:
    """Have the registry know a cluster and its jobs no more."""
    engine = create_engine(registry_url, future=True)
    with engine.begin() as connection:
        connection.execute(job_table.delete().where(job_table.c.cluster_id == cluster.id))
        connection.execute(cluster_table.delete().where(cluster_table.c.id == cluster.id))
    engine.dispose()

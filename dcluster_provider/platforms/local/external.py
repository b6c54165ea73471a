"""Clusters that somebody else runs, as the jobs that are run on them from this machine see them."""

from __future__ import annotations

import shutil
from urllib.parse import urlsplit

from dcluster_provider.core.record import Cluster
from dcluster_provider.platforms.local.engines import Engine
from dcluster_provider.platforms.local.flink_launch import REST_PORT, RPC_PORT
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.plan import ClusterPlan
from dcluster_provider.platforms.local.process import Process
from dcluster_provider.platforms.local.spark_settings import MASTER_PORT, UI_PORT

_ANY = 10**9  # nobody knows what its workers offer, so nothing is refused for being too large


def external_plan(cluster: Cluster, engine: Engine) -> ClusterPlan:
    """What there is to know of a cluster that is reached by its addresses.

    :param engine: that runs its drivers and clients here.
    """
    master, rest = urlsplit(cluster.master_url), urlsplit(cluster.ui_url)
    if cluster.spec.engine == "spark":
        ports = {MASTER_PORT: master.port or 7077, UI_PORT: rest.port or 8080}
    else:
        ports = {REST_PORT: rest.port or 8081, RPC_PORT: rest.port or 8081}
    return ClusterPlan(
        deployment=cluster.deployment,
        cluster_id=cluster.id,
        engine=engine,
        ports=ports,
        given_ports=(),
        secret="",
        workers=0,
        worker_cores=_ANY,
        worker_mib=_ANY,
        master_mib=_ANY,
        host=rest.hostname or "",
        is_ours=False,
    )


def remove_old_configurations(place: ClusterPlace) -> None:
    """Remove the configuration of jobs that have ended, which otherwise goes with their cluster."""
    for job in place.jobs():
        if Process(job.folder).state().is_over:
            shutil.rmtree(job.conf, ignore_errors=True)

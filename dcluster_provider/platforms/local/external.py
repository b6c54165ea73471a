"""Clusters that somebody else runs, as the jobs that are run on them from this machine see them."""

from __future__ import annotations

import shutil
from urllib.parse import urlsplit

from dcluster_provider.core.record import Cluster
from dcluster_provider.platforms.local.installation.engines import LocalEngine
from dcluster_provider.platforms.local.layout import ClusterPlace
from dcluster_provider.platforms.local.plan import ClusterPlan
from dcluster_provider.platforms.local.processes.process import Process

_ANY = 10**9  # nobody knows what its workers offer, so nothing is refused for being too large


def external_plan(cluster: Cluster, engine: LocalEngine, ports: dict[str, int]) -> ClusterPlan:
    """What there is to know of a cluster that is reached by its addresses.

    :param engine: that runs its drivers and clients here.
    :param ports: of its master, by purpose.
    """
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
        host=urlsplit(cluster.ui_url).hostname or "",
        is_ours=False,
    )


def remove_old_configurations(place: ClusterPlace) -> None:
    """Remove the configuration of jobs that have ended, which otherwise goes with their cluster."""
    for job in place.jobs():
        if Process(job.folder).state().is_over:
            shutil.rmtree(job.conf, ignore_errors=True)

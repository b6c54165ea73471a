"""Compares the platform with the registry: remains of ended clusters and jobs, and orphaned clusters."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from dcluster_provider.control.upkeep.maintenance_run import ACTOR, MaintenanceRun
from dcluster_provider.core.observation import ClusterPhase, ObservationError
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.platforms.capabilities import SupportsExternalClusters
from dcluster_provider.registry.events import Event

_PAGE = 1000


def check_platform(check: MaintenanceRun, names: Collection[str], unknown_after: timedelta) -> None:
    """Remove what is left of ended clusters, and orphaned clusters that an earlier run found, too.

    :param names: names of the clusters on the platform, listed before the registry is read: every name is in the
        registry before anything is made under it.
    :param unknown_after: how long an orphaned cluster is only recorded before it is removed.
    """
    check.notes.count("clusters on the platform", len(names))
    known = check.registry.clusters.find_by_names(names)
    _remove_leftovers(check, [number for number, state in known.values() if state.is_final])
    unknown = [name for name in names if name not in known]
    remembered = check.registry.orphaned_clusters.list(check.scope)
    if not check.dry_run:
        check.registry.orphaned_clusters.record(check.scope, unknown, check.now)
        check.registry.orphaned_clusters.remove(check.scope, remembered.keys() - set(unknown))
    due = []
    for name in unknown:
        if name in remembered and check.now - remembered[name] >= unknown_after:
            due.append(name)
        else:
            check.notes.left(name, _unknown_since(remembered.get(name, check.now), unknown_after))
    _remove_unknown(check, due)


def remove_remains(check: MaintenanceRun, job_ids: Iterable[int]) -> None:
    """Remove what is left of ended jobs on external clusters.

    :param job_ids: ids of the jobs of which the platform has something, listed before the registry is read.
    """
    ended = [job for job in check.registry.jobs.get_many(job_ids) if job.state.is_final]
    clusters = {it.id: it for it in check.registry.clusters.get_many({job.cluster_id for job in ended})}
    for job in ended:
        with check.isolate_errors(job):
            if check.dry_run or _remove(check, job, clusters[job.cluster_id]):
                check.notes.did("removed", job, f"it is {job.state.value}, and something of it was left")


def _remove(check: MaintenanceRun, job: Job, cluster: Cluster) -> bool:
    platform = check.platform
    return isinstance(platform, SupportsExternalClusters) and platform.delete_job(job, cluster)


def _remove_leftovers(check: MaintenanceRun, ids: list[int]) -> None:
    for start in range(0, len(ids), _PAGE):
        ended = check.registry.clusters.get_many(ids[start : start + _PAGE])
        # A cluster that ended since the listing is gone by now.
        observed = {} if check.dry_run else check.platform.observe_clusters(ended)
        for cluster in ended:
            found = observed.get(cluster.id)
            if not check.dry_run and (
                found is None or isinstance(found, ObservationError) or found.phase is ClusterPhase.ABSENT
            ):
                continue
            with check.isolate_errors(cluster):
                if not check.dry_run:
                    check.platform.delete_cluster(cluster)
                check.notes.did(
                    "removed", cluster, f"it is {cluster.state.value}, and something of it was left"
                )


def _remove_unknown(check: MaintenanceRun, names: Iterable[str]) -> None:
    """Remove orphaned clusters that are still on the platform and still not in the registry."""
    due = list(names)
    if not due:
        return
    there = set(check.platform.list_clusters())
    known = check.registry.clusters.find_by_names(due)
    for name in due:
        if name not in there or name in known:
            continue
        with check.isolate_errors(name):
            if not check.dry_run and not check.platform.delete_unknown(name):
                continue
            why = "it is orphaned: the registry did not know it in this run and in an earlier one"
            check.notes.did("removed", name, why)
            if not check.dry_run:
                check.registry.events.record(
                    Event(at=check.now, actor=ACTOR, action="REMOVED", detail=f"{name}: {why}")
                )


def _unknown_since(first_seen: datetime, unknown_after: timedelta) -> str:
    return (
        f"the registry does not know it; first seen at {first_seen:%Y-%m-%d %H:%M:%S} UTC, it is removed by the first "
        f"run that finds it after {first_seen + unknown_after:%Y-%m-%d %H:%M:%S} UTC"
    )

"""Chooses the cluster that a job runs on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from dcluster_provider.control.clusters import Clusters
from dcluster_provider.control.external_clusters import choose_external
from dcluster_provider.control.settings import Settings
from dcluster_provider.control.termination import cluster_terminated
from dcluster_provider.core.errors import ClusterFailed, ClusterTerminating, InvalidSpec
from dcluster_provider.core.identity import Owner, derived_key
from dcluster_provider.core.job_spec import JobSpec
from dcluster_provider.core.record import Cluster
from dcluster_provider.engines.releases import is_same_release
from dcluster_provider.engines.table import engine_of
from dcluster_provider.platforms.base import Report

if TYPE_CHECKING:
    from dcluster_provider.registry.store import Registry

Taken = TypeVar("Taken")

# Each attempt follows a long-living cluster that was terminated between its choice and its use.
_ATTEMPTS = 10


@dataclass(frozen=True)
class JobRequest:
    """A request to run a job.

    :param key: identifies the request.
    :param owner: the Airflow task that requests it; None for a person.
    :param actor: who requests it, for the events.
    :param report: called with progress messages of long steps.
    :param only_stored: store the request and start nothing for the job or its cluster.
    """

    spec: JobSpec
    key: str
    owner: Owner | None
    actor: str
    report: Report
    only_stored: bool = False


class JobClusters:
    """The clusters that the jobs of one connection run on: named, shared, and of a job's own."""

    def __init__(self, registry: Registry, clusters: Clusters, settings: Settings) -> None:
        self._registry = registry
        self._clusters = clusters
        self._settings = settings

    def take(self, request: JobRequest, claim: Callable[[Cluster, bool], Taken]) -> tuple[Cluster, Taken]:
        """Choose the cluster of a job, and claim the job on it.

        A shared cluster that is terminated in between is replaced by another.

        :param claim: claims the job on a cluster; its second argument is whether that is the job's own cluster.
        :raises InvalidSpec: the named cluster has another engine.
        :raises NotFound: the named cluster does not exist.
        :raises ClusterFailed: the cluster is terminating or has ended, or its platform rejects it.
        :raises PlatformRefused: the cluster is at another location.
        """
        for _ in range(_ATTEMPTS):
            cluster, owned = self._choose(request)
            try:
                return cluster, claim(cluster, owned)
            except ClusterTerminating:
                cluster = self._clusters.get(cluster.id)
                if not _is_shared(request.spec):
                    break
        raise ClusterFailed(str(cluster), cluster.diagnosis or cluster_terminated(cluster))

    def _choose(self, request: JobRequest) -> tuple[Cluster, bool]:
        spec = request.spec
        if spec.use_external_cluster:
            return self._external(request), False
        if spec.names_cluster:
            return self._named(request), False
        # Checked again at the claim; here, so that no cluster is launched in vain.
        self._registry.jobs.reject_duplicate(spec, request.owner)
        if _is_shared(spec):
            return self._shared(request), False
        key = derived_key(request.key, "the job's own cluster")
        if request.only_stored:
            return self._clusters.request(engine_of(spec).own_cluster(spec), key, actor=request.actor), True
        own = self._clusters.launch(
            engine_of(spec).own_cluster(spec),
            key,
            launched_for=request.owner,
            actor=request.actor,
            report=request.report,
        )
        return own, True

    def _external(self, request: JobRequest) -> Cluster:
        spec, conn_id = request.spec, self._settings.conn_id
        if spec.cluster_id is not None:
            raise InvalidSpec(
                "JobSpec: field clusterId: an external cluster has a name in the connection, and no id; "
                "give clusterName"
            )
        known = choose_external(self._settings.external_clusters, spec, conn_id)
        cluster = self._clusters.external(known, actor=request.actor)
        return cluster if request.only_stored else self._clusters.resume(cluster.id, request.report)

    def _named(self, request: JobRequest) -> Cluster:
        spec = request.spec
        cluster = self._clusters.get(spec.cluster_id or spec.cluster_name)
        if cluster.spec.engine != spec.engine:
            raise InvalidSpec(
                f"JobSpec: field jobType: {spec.job_type!r} does not run on {cluster}, which is of type "
                f"{cluster.type!r}; write {cluster.type!r} or name another cluster"
            )
        _require_same_release(spec, cluster)
        self._clusters.require_same_location(cluster)
        if not request.only_stored:
            cluster = self._clusters.observe([cluster.id])[cluster.id]
        if cluster.state.is_ending:
            raise ClusterFailed(str(cluster), cluster.diagnosis or cluster_terminated(cluster))
        return cluster

    def _shared(self, request: JobRequest) -> Cluster:
        spec = request.spec
        deployment, conn_id = self._settings.deployment, self._settings.conn_id
        found = self._registry.clusters.find_long_living(spec.client, spec.engine, deployment, conn_id)
        if found is not None:
            _require_same_release(spec, found)
            self._clusters.require_same_location(found)
        if found is not None and not request.only_stored:
            # Its launch may have been interrupted.
            found = self._clusters.resume(found.id, request.report)
            found = self._clusters.observe([found.id])[found.id]
        if found is not None and not found.state.is_ending:
            return found
        key = derived_key(deployment, f"long-living {spec.engine} of {spec.client} through {conn_id}")
        own, actor = engine_of(spec).own_cluster(spec), request.actor
        if request.only_stored:
            return self._clusters.request(own, key, actor=actor, replace_terminating=True)
        return self._clusters.launch(own, key, actor=actor, report=request.report, replace_terminating=True)


def _require_same_release(spec: JobSpec, cluster: Cluster) -> None:
    """Refuse a job that asks for another release than its cluster runs.

    :raises InvalidSpec: naming the field and both versions.
    """
    asked, has = spec.engine_version, cluster.spec.engine_version
    if asked and has and not is_same_release(cluster.type, asked, has):
        raise InvalidSpec(
            f"JobSpec: field engineVersion: {asked!r} does not run on {cluster}, which runs {has!r}; name another "
            "cluster or leave engineVersion out"
        )


def _is_shared(spec: JobSpec) -> bool:
    return spec.use_long_living_cluster and not spec.names_cluster

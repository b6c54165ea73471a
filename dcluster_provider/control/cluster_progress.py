"""Applies observations to clusters, and takes the steps that become due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from dcluster_provider.control.observation_errors import (
    ObservationErrors,
    Unobservable,
    isolate_errors,
    remote_error,
)
from dcluster_provider.control.records import save_change, utc_now
from dcluster_provider.control.termination import after_cluster, without_platform
from dcluster_provider.core.diagnosis import ClusterCode, Diagnosis
from dcluster_provider.core.errors import (
    CredentialsRefused,
    Diagnosed,
    NodesFailed,
    PlatformRefused,
    PlatformUnavailable,
    StaleRecord,
)
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase
from dcluster_provider.core.record import LIVE_JOB_STATES, Cluster, ClusterState
from dcluster_provider.core.state import advance_cluster, fail_cluster, give_up_cluster, locate_cluster
from dcluster_provider.platforms.base import Platform
from dcluster_provider.platforms.capabilities import SupportsResizing

if TYPE_CHECKING:
    from dcluster_provider.control.nodes.dedicated import DedicatedNodes
    from dcluster_provider.registry.store import Registry

_LOG = logging.getLogger(__name__)


class ClusterProgress:
    """Moves the clusters of one connection from launch to termination, in whichever process polls them."""

    def __init__(self, registry: Registry, platform: Platform, nodes: DedicatedNodes) -> None:
        self._registry = registry
        self._platform = platform
        self._nodes = nodes
        self._observation_errors = ObservationErrors("cluster")

    def observe(self, ids: Iterable[int]) -> dict[int, Cluster]:
        """Poll clusters in one batch and return them by id, in their current states.

        A cluster that failed or is terminating is removed one step further.
        """
        records = self._registry.clusters.get_many(list(ids))
        live = [cluster for cluster in records if not (cluster.state.is_final or cluster.is_external)]
        remote = {it.id: error for it in live if (error := remote_error(self._platform, it))}
        here = [cluster for cluster in live if cluster.id not in remote]
        observed = self._observation_errors.without_errors(
            {**remote, **(self._platform.observe_clusters(here) if here else {})}
        )
        after = {cluster.id: cluster for cluster in records}
        for cluster in here:
            if cluster.state is ClusterState.TERMINATING and not self._release_nodes(cluster):
                continue
            with isolate_errors(cluster):
                if cluster.id in observed:
                    seen = self._started(cluster, self._resized(cluster, observed[cluster.id]))
                    after[cluster.id] = self._with_nodes(self._advance(cluster, seen))
                if after[cluster.id].state is ClusterState.TERMINATING:
                    after[cluster.id] = self.remove(after[cluster.id])
        return after

    def unobservable(self, cluster_id: int) -> Unobservable | None:
        """Why the last poll could not observe a live cluster; None when it could."""
        return self._observation_errors.unobservable(cluster_id)

    def remove(self, cluster: Cluster) -> Cluster:
        """Delete a cluster from its platform; once nothing is left, record the final states of it and its jobs.

        A remote cluster stays as it is: its absence from this location proves nothing. A cluster of which nothing was
        ever made has FAILED when its platform is unreachable.

        :raises PlatformUnavailable: the platform does not answer now; what is left of the cluster stays.
        :raises PlatformRefused: the platform rejects the request; what is left of the cluster stays.
        """
        try:
            return self._remove(cluster)
        except CredentialsRefused:
            raise
        except (PlatformRefused, PlatformUnavailable) as error:
            if (
                cluster.state.is_final
                or cluster.master_url
                or self._registry.events.was_provisioned(cluster.id)
            ):
                raise
            return self._give_up(cluster, error)

    def _remove(self, cluster: Cluster) -> Cluster:
        remote = remote_error(self._platform, cluster)
        if remote is not None:
            _LOG.warning("%s is not removed: %s", cluster, remote.why)
            return cluster
        jobs = list(self._registry.jobs.iterate(states=LIVE_JOB_STATES, cluster_id=cluster.id))
        try:
            settled = after_cluster(self._platform, jobs, cluster, utc_now()) if jobs else []
        except CredentialsRefused:
            raise
        except PlatformUnavailable as error:  # deleting the cluster would delete how its jobs ended
            if not self._registry.events.was_provisioned(cluster.id):
                raise
            _LOG.warning("The removal of %s will be retried at the next poll: %s", cluster, error)
            return cluster
        self._platform.delete_cluster(cluster)
        released = self._release_nodes(cluster)
        for job in settled:
            with suppress(StaleRecord):  # another process recorded the same end first
                self._registry.jobs.save(job)
        if cluster.state.is_final or not released:
            return cluster
        observed = self._observation_errors.without_errors(self._platform.observe_clusters([cluster])).get(
            cluster.id
        )
        return cluster if observed is None else self._advance(cluster, observed)

    def _give_up(self, cluster: Cluster, error: PlatformRefused | PlatformUnavailable) -> Cluster:
        """The cluster, FAILED, although nothing of it was made; the cluster check removes what there is after all."""
        cause = error.diagnosis if isinstance(error, PlatformRefused) else _out_of_reach(error)
        self._release_nodes(cluster)
        failed = self.change(cluster, lambda it, now: give_up_cluster(it, cause, now))
        jobs = self._registry.jobs.list(states=LIVE_JOB_STATES, cluster_id=cluster.id)
        for job in without_platform(jobs, failed, utc_now()):
            with suppress(StaleRecord):  # another process recorded the same end first
                self._registry.jobs.save(job)
        return failed

    def fail(self, cluster: Cluster, diagnosis: Diagnosis, actor: str = "") -> Cluster:
        """Record why a cluster failed, and start its removal."""
        return self.remove(self.change(cluster, lambda it, now: fail_cluster(it, diagnosis, now), actor))

    def change(
        self, before: Cluster, change: Callable[[Cluster, datetime], Cluster], actor: str = ""
    ) -> Cluster:
        """Save a change of a cluster; if another process saved it meanwhile, apply the change to its new state."""
        registry = self._registry
        return save_change(
            before, change, registry.clusters.get, lambda it: registry.clusters.save(it, actor=actor)
        )

    def _advance(self, cluster: Cluster, observed: ClusterObservation) -> Cluster:
        here = self._platform.location_of(cluster.spec)

        def advanced(it: Cluster, now: datetime) -> Cluster:
            if _size(it) != _size(cluster):  # it was observed before it was resized
                return it
            return locate_cluster(advance_cluster(it, observed, now), observed, here)

        return self.change(cluster, advanced)

    def _with_nodes(self, cluster: Cluster) -> Cluster:
        """The cluster, FAILED if its dedicated nodes could not be launched or did not join."""
        try:
            self._nodes.poll(cluster)
        except NodesFailed as failure:
            return self.fail(cluster, failure.diagnosis)
        except PlatformUnavailable as error:  # the state of its pods is enough for now
            _LOG.warning("The nodes of %s could not be polled: %s", cluster, error)
        return cluster

    def _resized(self, cluster: Cluster, observed: ClusterObservation) -> ClusterObservation:
        """What was observed, after the next step of a resize, which any process takes; a refusal of it is a hint."""
        is_due = cluster.spec.is_elastic and cluster.state.takes_jobs
        is_due = is_due and (
            cluster.resizing_since is not None or observed.workers_ready != cluster.spec.workers
        )
        if is_due and isinstance(self._platform, SupportsResizing):
            try:
                self._platform.resize_cluster(cluster)
            except PlatformRefused as refusal:
                return replace(observed, hint=observed.hint or refusal.diagnosis)
        return observed

    def _started(self, cluster: Cluster, observed: ClusterObservation) -> ClusterObservation:
        """What was observed, after the pods of a cluster that left its queue were asked for, by any process."""
        if observed.phase is not ClusterPhase.ADMITTED or not self._is_provisioning(cluster):
            return observed
        try:
            self._platform.apply_cluster(cluster)
        except PlatformRefused as refusal:
            return replace(observed, phase=ClusterPhase.BROKEN, diagnosis=refusal.diagnosis)
        if not self._is_provisioning(cluster):  # it was terminated meanwhile: delete what was made after that
            self._platform.delete_cluster(cluster)
        return observed

    def _is_provisioning(self, cluster: Cluster) -> bool:
        return self._registry.clusters.get(cluster.id).state is ClusterState.PROVISIONING

    def _release_nodes(self, cluster: Cluster) -> bool:
        """Whether its nodes are released, or left for the node clean-up to report."""
        try:
            self._nodes.release(cluster)
        except PlatformUnavailable as error:  # an unavailable cloud must not end the poll of every cluster
            _LOG.warning("The nodes of %s are not released yet: %s", cluster, error)
            return False
        except Diagnosed as refusal:
            _LOG.error("The nodes of %s were not released and still cost money: %s", cluster, refusal)
        return True


def _size(cluster: Cluster) -> tuple[int, datetime | None]:
    """The number of workers that was asked for last, and the request as long as it is not reached."""
    return cluster.spec.workers, cluster.resizing_since


def _out_of_reach(error: PlatformUnavailable) -> Diagnosis:
    return Diagnosis(
        ClusterCode.UNREACHABLE,
        "Its platform could not be reached, and nothing of it was made.",
        "Make the platform reachable from where Airflow runs, or correct the connection; then run the task again.",
        tuple(str(error).splitlines()[-4:]),
    )

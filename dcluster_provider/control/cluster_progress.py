"""Moving clusters on: from what is seen of them to what is due next."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from dcluster_provider.control.endings import after_cluster, without_platform
from dcluster_provider.control.isolation import isolate_errors
from dcluster_provider.control.observation_errors import ObservationErrors, Unobservable
from dcluster_provider.control.places import remote_error
from dcluster_provider.control.saving import save_change, utc_now
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.diagnosis_codes import ClusterCode
from dcluster_provider.core.errors import (
    CredentialsRefused,
    Diagnosed,
    NodesFailed,
    PlatformRefused,
    PlatformUnavailable,
    StaleRecord,
)
from dcluster_provider.core.observation import ClusterObservation
from dcluster_provider.core.record import LIVE_JOB_STATES, Cluster, ClusterState
from dcluster_provider.core.state import advance_cluster, fail_cluster, give_up_cluster, place_cluster
from dcluster_provider.platforms.base import Platform

if TYPE_CHECKING:
    from dcluster_provider.control.nodes.dedicated import DedicatedNodes
    from dcluster_provider.registry.store import Registry

_LOG = logging.getLogger(__name__)


class ClusterProgress:
    """What happens to clusters between their launch and their end, in whichever process looks at them."""

    def __init__(self, registry: Registry, platform: Platform, nodes: DedicatedNodes) -> None:
        self._registry = registry
        self._platform = platform
        self._nodes = nodes
        self._observation_errors = ObservationErrors("cluster")

    def observe(self, ids: Iterable[int]) -> dict[int, Cluster]:
        """Look at clusters, all in one batch, and return them in their states of this moment by id.

        A cluster that fails or is being terminated is removed a step further by it.
        """
        records = self._registry.clusters.get_many(list(ids))
        live = [cluster for cluster in records if not (cluster.state.is_final or cluster.is_external)]
        unseen = {it.id: why for it in live if (why := remote_error(self._platform, it))}
        here = [cluster for cluster in live if cluster.id not in unseen]
        seen = self._observation_errors.without_errors(
            {**unseen, **(self._platform.observe_clusters(here) if here else {})}
        )
        after = {cluster.id: cluster for cluster in records}
        for cluster in here:
            if cluster.state is ClusterState.TERMINATING and not self._release_nodes(cluster):
                continue
            with isolate_errors(cluster):
                if cluster.id in seen:
                    after[cluster.id] = self._with_nodes(self._advance(cluster, seen[cluster.id]))
                if after[cluster.id].state is ClusterState.TERMINATING:
                    after[cluster.id] = self.remove(after[cluster.id])
        return after

    def unobservable(self, cluster_id: int) -> Unobservable | None:
        """Why a cluster that has not ended was not seen by the last look; none when it was."""
        return self._observation_errors.unobservable(cluster_id)

    def remove(self, cluster: Cluster) -> Cluster:
        """Let the platform remove a cluster, and settle the cluster and its jobs if nothing of it is left.

        One that was made elsewhere stays as it is: that nothing of it is here does not mean that it has gone.

        One of which nothing was ever made is given up when its platform is out of reach: it has FAILED, with the cause.

        :raises PlatformUnavailable: it cannot be asked just now, so that what is left of it stays.
        :raises PlatformRefused: it cannot be asked at all, with the same effect.
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
        unseen = remote_error(self._platform, cluster)
        if unseen is not None:
            _LOG.warning("%s is not removed: %s", cluster, unseen.why)
            return cluster
        jobs = list(self._registry.jobs.iterate(states=LIVE_JOB_STATES, cluster_id=cluster.id))
        try:
            settled = after_cluster(self._platform, jobs, cluster, utc_now()) if jobs else []
        except CredentialsRefused:
            raise
        except PlatformUnavailable as error:  # with the cluster would go what tells how they ended
            if not self._registry.events.was_provisioned(cluster.id):
                raise
            _LOG.warning("%s is removed at the next look: %s", cluster, error)
            return cluster
        self._platform.delete_cluster(cluster)
        released = self._release_nodes(cluster)
        for job in settled:
            with suppress(StaleRecord):  # whoever was first saw the same end
                self._registry.jobs.save(job)
        if cluster.state.is_final or not released:
            return cluster
        seen = self._observation_errors.without_errors(self._platform.observe_clusters([cluster])).get(
            cluster.id
        )
        return cluster if seen is None else self._advance(cluster, seen)

    def _give_up(self, cluster: Cluster, error: PlatformRefused | PlatformUnavailable) -> Cluster:
        """Have a cluster FAILED of which nothing was made; should there be something, the cluster check removes it."""
        cause = error.diagnosis if isinstance(error, PlatformRefused) else _out_of_reach(error)
        self._release_nodes(cluster)
        failed = self.change(cluster, lambda it, now: give_up_cluster(it, cause, now))
        jobs = self._registry.jobs.list(states=LIVE_JOB_STATES, cluster_id=cluster.id)
        for job in without_platform(jobs, failed, utc_now()):
            with suppress(StaleRecord):  # whoever was first saw the same end
                self._registry.jobs.save(job)
        return failed

    def fail(self, cluster: Cluster, diagnosis: Diagnosis, actor: str = "") -> Cluster:
        """Note why a cluster failed, and remove it."""
        return self.remove(self.change(cluster, lambda it, now: fail_cluster(it, diagnosis, now), actor))

    def change(
        self, before: Cluster, change: Callable[[Cluster, datetime], Cluster], actor: str = ""
    ) -> Cluster:
        """Save a change of a cluster, made anew when somebody else was first."""
        registry = self._registry
        return save_change(
            before, change, registry.clusters.get, lambda it: registry.clusters.save(it, actor=actor)
        )

    def _advance(self, cluster: Cluster, seen: ClusterObservation) -> Cluster:
        here = self._platform.place_of(cluster.spec)
        return self.change(cluster, lambda it, now: place_cluster(advance_cluster(it, seen, now), seen, here))

    def _with_nodes(self, cluster: Cluster) -> Cluster:
        """The cluster, failed when the nodes that it has for itself do not come."""
        try:
            self._nodes.look(cluster)
        except NodesFailed as failure:
            return self.fail(cluster, failure.diagnosis)
        except PlatformUnavailable as error:  # its pods tell as much as is needed for now
            _LOG.warning("The nodes of %s were not looked at: %s", cluster, error)
        return cluster

    def _release_nodes(self, cluster: Cluster) -> bool:
        """Whether its nodes are given back, or stay for the clean-up of nodes to tell of."""
        try:
            self._nodes.release(cluster)
        except PlatformUnavailable as error:  # one silent cloud must not end the look at every cluster
            _LOG.warning("The nodes of %s are not given back yet: %s", cluster, error)
            return False
        except Diagnosed as refusal:
            _LOG.error("The nodes of %s stay, and cost money: %s", cluster, refusal)
        return True


def _out_of_reach(error: PlatformUnavailable) -> Diagnosis:
    return Diagnosis(
        ClusterCode.UNREACHABLE,
        "Its platform could not be reached, and nothing of it was made.",
        "See that the platform answers from where Airflow runs, or correct the connection; then run the task again.",
        tuple(str(error).splitlines()[-4:]),
    )

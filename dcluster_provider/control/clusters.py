"""Launching, watching and ending clusters."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dcluster_provider.control.cluster_progress import ClusterProgress
from dcluster_provider.control.endings import cluster_terminated, in_use
from dcluster_provider.control.info import cluster_info
from dcluster_provider.control.nodes.dedicated import DedicatedNodes, without_a_cloud
from dcluster_provider.control.observation_errors import Unobservable, raise_if_given_up
from dcluster_provider.control.places import require_same_location
from dcluster_provider.control.saving import utc_now
from dcluster_provider.control.settings import Settings
from dcluster_provider.control.waiting import Wait
from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.diagnosis_codes import ConnectionCode
from dcluster_provider.core.errors import (
    ClusterFailed,
    ClusterInUse,
    InvalidSpec,
    NodesFailed,
    PlatformRefused,
    StaleRecord,
    WaitTimeout,
)
from dcluster_provider.core.identity import Owner, derived_key, fresh_key
from dcluster_provider.core.record import EXTERNAL, LIVE_JOB_STATES, Cluster, ClusterState, parse_states
from dcluster_provider.core.spec import ClusterSpec, parse, reject_redacted
from dcluster_provider.core.state import (
    begin_cluster,
    end_cluster,
    reach_cluster,
    stop_job,
)
from dcluster_provider.platforms.base import Platform, Report, logged
from dcluster_provider.platforms.capabilities import SupportsPreparation, connect

if TYPE_CHECKING:
    from dcluster_provider.control.external_clusters import ExternalCluster
    from dcluster_provider.registry.store import Registry

_ENDING_SECONDS = 600.0  # in which what is being ended is gone, unless a node does not answer
_REMOVAL_SECONDS = 30.0  # in which what was made of a cluster that was refused is gone, normally


class Clusters:
    """The clusters of one connection."""

    def __init__(
        self,
        registry: Registry,
        platform: Platform,
        settings: Settings,
        nodes: DedicatedNodes | None = None,
    ) -> None:
        self._registry = registry
        self._platform = platform
        self._settings = settings
        self._nodes = nodes or without_a_cloud(settings)
        self._progress = ClusterProgress(registry, platform, self._nodes)

    def launch(
        self,
        spec: ClusterSpec | dict[str, Any] | str,
        key: str | None = None,
        *,
        owner: Owner | None = None,
        launched_for: Owner | None = None,
        actor: str = "",
        report: Report = logged,
        follow_ending: bool = False,
    ) -> Cluster:
        """Ask for a cluster, and return without waiting for it to be ready.

        The same key gives the same cluster while that is live; after it has failed or ended, a new one.

        :param spec: a ClusterSpec, a mapping with its fields, or JSON text of ClusterEntity.
        :param key: what makes the request the same request; none means the owner's, or a fresh one.
        :param owner: the Airflow task that asks; clusters that older epochs of it still have are ended first.
        :param launched_for: the Airflow task on whose behalf a job asks for its own cluster; its older epochs are the
            job's concern.
        :param actor: who asks, for the cluster's events.
        :param report: told of progress that may take long (an engine being installed); the log unless given.
        :param follow_ending: a cluster of this key that is being ended is not seen out before another is made.
        :raises InvalidSpec: the specification cannot be accepted; nothing was stored or started.
        :raises PlatformRefused: the platform cannot be used at all, or the key's live cluster was made elsewhere;
            nothing was stored.
        :raises ClusterFailed: the platform refuses the cluster; nothing of it is left.
        :raises WaitTimeout: an earlier cluster of the same request is being ended, and not gone after minutes.
        """
        spec = self._checked(spec)
        connect(self._platform)
        if owner is not None:
            self.end_older_epochs(owner)
        key = key or (owner.key if owner else fresh_key())
        cluster = self._claim(spec, key, owner or launched_for, actor, follow_ending)
        return self._make(cluster, actor, report)

    def request(
        self,
        spec: ClusterSpec | dict[str, Any] | str,
        key: str | None = None,
        *,
        actor: str = "",
        follow_ending: bool = False,
    ) -> Cluster:
        """Store that a cluster is asked for, by no task, and do nothing for it yet: ``resume`` goes on with it.

        :param spec: a ClusterSpec, a mapping with its fields, or JSON text of ClusterEntity.
        :param key: what makes the request the same request; none means a fresh one.
        :param actor: who asks, for the cluster's events.
        :param follow_ending: a cluster of this key that is being ended is not seen out before another is made.
        :returns: the key's cluster while that is live, otherwise a new one.
        :raises InvalidSpec: the specification cannot be accepted; nothing was stored.
        :raises PlatformRefused: the platform lacks what the cluster needs, what is needed to ask it is not installed,
            or the key's live cluster was made elsewhere.
        """
        self.require_client()
        return self._claim(self._checked(spec), key or fresh_key(), None, actor, follow_ending)

    def external(self, known: ExternalCluster, *, actor: str = "") -> Cluster:
        """The row of a cluster that somebody else runs, with the addresses that it has now.

        It is RUNNING for ever: it is neither watched nor ended.
        """
        settings = self._settings
        claim = self._registry.clusters.claim(
            key=derived_key(settings.deployment, f"external {known.name} through {settings.conn_id}"),
            spec=known.spec,
            env=settings.env,
            deployment=settings.deployment,
            conn_id=settings.conn_id,
            platform=EXTERNAL,
            owner=None,
            now=utc_now(),
            actor=actor,
        )
        master = known.master or known.rest
        return self._progress.change(
            claim.record, lambda it, now: reach_cluster(it, master, known.rest, now), actor
        )

    def resume(self, cluster_id: int, report: Report = logged) -> Cluster:
        """Go on with a launch that may have been cut short; a cluster that is past it stays as it is.

        :raises PlatformRefused: the platform cannot be used at all, or the cluster was made elsewhere; the launch stays
            as it was.
        :raises ClusterFailed: the platform refuses the cluster; nothing of it is left.
        """
        connect(self._platform)
        return self._make(self.get(cluster_id), "", report)

    def end_older_epochs(self, owner: Owner) -> None:
        """End the clusters that a task still has from before a person cleared it.

        A long-living one that jobs are on is left to them: it ends by its idle limit.
        """
        for cluster in self._registry.clusters.live_of_older_epochs(owner):
            if cluster.spec.long_living:
                if not self.end_unused(cluster.id, actor=str(owner)):
                    continue
            else:
                self.terminate(cluster.id, actor=str(owner))
            self._finish(cluster.id)

    def _make(self, cluster: Cluster, actor: str, report: Report) -> Cluster:
        if cluster.is_external:
            self._prepare(cluster.spec, report)  # what runs its drivers and clients here
            return cluster
        if cluster.state not in (ClusterState.REQUESTED, ClusterState.PROVISIONING):
            return cluster
        self.require_same_location(cluster)
        try:
            self._prepare(cluster.spec, report)
            self._nodes.launch(cluster, report)
            self._platform.apply_cluster(cluster)
        except (PlatformRefused, NodesFailed) as refusal:
            self._progress.fail(cluster, refusal.diagnosis, actor)
            with suppress(WaitTimeout):  # whoever looks next goes on
                self._finish(cluster.id, _REMOVAL_SECONDS)
            raise ClusterFailed(str(cluster), refusal.diagnosis.without(cluster.spec.secrets)) from refusal
        begun = self._progress.change(cluster, begin_cluster, actor)
        if begun.state.is_ending:
            # It was ended while it was being made, so what was made after that has to go as well.
            begun = self._progress.remove(begun)
        return begun

    def _prepare(self, spec: ClusterSpec, report: Report) -> None:
        if isinstance(self._platform, SupportsPreparation):
            self._platform.prepare(spec, report)

    def require_client(self) -> None:
        """Refuse a request that nobody could carry out: a package is missing, or a connection is of another type.

        Credentials may be missing here: those who carry the request out may have them.

        :raises PlatformRefused: naming the package or connection.
        """
        try:
            connect(self._platform)
        except PlatformRefused as refusal:
            if refusal.diagnosis.code in {ConnectionCode.PROVIDER_MISSING, ConnectionCode.WRONG_TYPE}:
                raise

    def require_same_location(self, cluster: Cluster) -> None:
        """Refuse to go on with a live cluster that was made elsewhere than where the connection leads by now.

        :raises PlatformRefused: naming both places.
        """
        if not cluster.state.is_final:
            require_same_location(self._platform, cluster)

    def get(self, cluster: int | str) -> Cluster:
        """A cluster by id or name, as it was last seen.

        :raises NotFound: there is none.
        """
        if isinstance(cluster, int):
            return self._registry.clusters.get(cluster)
        return self._registry.clusters.find(cluster)

    def info(self, cluster: int | str) -> dict[str, Any]:
        """A cluster as it was last seen, as a JSON object: ClusterEntity's fields, state, times and links.

        :raises NotFound: there is none with this id or name.
        """
        return cluster_info(self.get(cluster), self._settings)

    def of_key(self, key: str) -> Cluster | None:
        """The latest cluster that a request key has led to, if any."""
        return self._registry.clusters.latest_of_key(key)

    def end_owned_by(self, owner: Owner, *, actor: str = "") -> None:
        """End the live clusters of a task's run of this epoch and older ones, long-living ones excepted."""
        for cluster in self._registry.clusters.live_of_older_epochs(replace(owner, epoch=owner.epoch + 1)):
            if not cluster.spec.long_living:
                self.terminate(cluster.id, actor=actor)

    def list(
        self, state: str | Collection[str] | None = None, tenant: str | None = None, *, limit: int = 1000
    ) -> list[Cluster]:
        """Clusters as they were last seen, newest first.

        :param state: one state or several, in any letter case.
        :raises InvalidSpec: there is no such state.
        """
        return self._registry.clusters.list(
            states=parse_states(ClusterState, state), tenant=tenant, limit=limit
        )

    def of_run(self, dag_id: str, run_id: str) -> builtins.list[Cluster]:
        """The clusters that a DAG run's tasks have asked for, newest first."""
        found = self._registry.clusters.iterate(owner_run=(dag_id, run_id))
        return [cluster for cluster in found if cluster.deployment == self._settings.deployment]

    def observe(self, ids: Iterable[int]) -> dict[int, Cluster]:
        """Look at clusters, all in one batch, and return them in their states of this moment by id.

        A cluster that fails or is being terminated is removed a step further by it.
        """
        return self._progress.observe(ids)

    def unobservable(self, cluster_id: int) -> Unobservable | None:
        """Why the last look did not see a cluster; none when it did."""
        return self._progress.unobservable(cluster_id)

    def _poll(self, cluster_id: int) -> Cluster:
        cluster = self.observe([cluster_id])[cluster_id]
        if not cluster.state.is_final:
            raise_if_given_up(self.unobservable(cluster_id))
        return cluster

    def status(self, cluster: int | str) -> ClusterState:
        """The state of a cluster at this moment.

        :raises NotFound: there is no such cluster.
        """
        return self.observe([self.get(cluster).id]).popitem()[1].state

    def wait(
        self,
        cluster_id: int,
        states: Collection[ClusterState] = (ClusterState.RUNNING,),
        timeout: float | None = None,
        *,
        poll_interval: float = 1.0,
        on_change: Callable[[Cluster], None] | None = None,
        just_seen: bool = False,
    ) -> Cluster:
        """Watch a cluster until it is in one of the states, and return it.

        :param timeout: seconds; none means for ever.
        :param poll_interval: seconds between two looks.
        :param on_change: called with the cluster whenever its state or diagnosis has changed, first of all as it is;
            without it, that goes to the log.
        :param just_seen: somebody looked a moment ago: begin with the state that was stored then, without a look.
        :raises ClusterFailed: it ended in a state that is not one of them.
        :raises WaitTimeout: time is up; the cluster is left as it is.
        :raises DClusterError: looks have failed for a minute, or the platform has refused for five to tell of it.
        """
        first = self.get(cluster_id) if just_seen else None
        told: tuple[ClusterState, Diagnosis | None] | None = None

        def tell(cluster: Cluster) -> None:
            nonlocal told
            now = (cluster.state, cluster.diagnosis)
            if on_change is not None and now != told:
                on_change(cluster)
            told = now

        wait = Wait(self._platform, lambda: self._poll(cluster_id), timeout, poll_interval)
        on_look = tell if on_change is not None else None
        return wait.until(states, first=first, on_look=on_look, check=raise_if_ended, so_far=_workers_so_far)

    def terminate(
        self,
        cluster: int | str,
        *,
        actor: str = "",
        asked_by: Owner | None = None,
        force: bool = False,
    ) -> Cluster:
        """End a cluster and the jobs on it; one that has ended stays as it is.

        :param actor: who asks, for the cluster's events.
        :param asked_by: the Airflow task that asks; a long-living cluster that has live jobs of others than its DAG
            run is then left as it is. None (a person asks) ends it under any job.
        :param force: end it all the same.
        :returns: the cluster: TERMINATED, or TERMINATING while its platform still removes it or looks elsewhere.
        :raises NotFound: there is no such cluster.
        :raises ClusterInUse: live jobs of others are on it; they are named.
        :raises InvalidSpec: somebody else runs it.
        """
        found = self.get(cluster)
        if found.state.is_final:
            return found
        if found.is_external:
            raise InvalidSpec(f"{found} is external: jobs are run on it, and whoever runs it ends it")
        if asked_by is not None and found.spec.long_living and not force:
            found = self._end_unless_used(found.id, asked_by, actor)
        for job in self._registry.jobs.iterate(states=LIVE_JOB_STATES, cluster_id=found.id):
            with suppress(StaleRecord):  # the job moved on by itself; its cluster's end settles it
                self._registry.jobs.save(stop_job(job, utc_now()), actor=actor)
        return self._progress.remove(self._progress.change(found, end_cluster, actor))

    def end_unused(self, cluster_id: int, *, actor: str = "") -> bool:
        """Begin the end of a cluster that no live job is on.

        Whether one is on it is decided together with the end: no job comes to the cluster in between.

        :param actor: who asks, for the cluster's events.
        :returns: whether the cluster is ending or has ended; false when a live job keeps it.
        :raises NotFound: there is no such cluster.
        """
        if self.get(cluster_id).is_external:
            return False
        cluster, users = self._registry.clusters.terminate_if_idle(cluster_id, utc_now(), actor=actor)
        if users:
            return False
        if not cluster.state.is_final:
            self._progress.remove(cluster)
        return True

    def _end_unless_used(self, cluster_id: int, asked_by: Owner, actor: str) -> Cluster:
        run = (asked_by.dag_id, asked_by.run_id)
        cluster, users = self._registry.clusters.terminate_if_idle(
            cluster_id, utc_now(), run=run, actor=actor
        )
        if users:
            raise ClusterInUse(in_use(cluster, users))
        return cluster

    def _checked(self, spec: ClusterSpec | dict[str, Any] | str) -> ClusterSpec:
        spec = reject_redacted(parse(ClusterSpec, spec))
        self._platform.check_cluster(spec)
        self._nodes.check(spec)
        return spec

    def _claim(
        self, spec: ClusterSpec, key: str, owner: Owner | None, actor: str, follow_ending: bool
    ) -> Cluster:
        while True:
            claim = self._registry.clusters.claim(
                key=key,
                spec=spec,
                env=self._settings.env,
                deployment=self._settings.deployment,
                conn_id=self._settings.conn_id,
                platform=self._platform.name,
                place=self._platform.place_of(spec),
                owner=owner,
                now=utc_now(),
                actor=actor,
                follow_ending=follow_ending,
            )
            self.require_same_location(claim.record)
            if claim.record.state is not ClusterState.TERMINATING:
                return claim.record
            self._finish(claim.record.id)

    def _finish(self, cluster_id: int, timeout: float | None = None) -> None:
        # A cluster that is on its way out is seen out, so that its key is free for the next generation.
        final = tuple(state for state in ClusterState if state.is_final)
        try:
            self.wait(cluster_id, final, timeout or _ENDING_SECONDS)
        except WaitTimeout as late:
            raise WaitTimeout(
                f"{late}. No other is made for the same request before it is gone. Something of it does not go: look "
                "for its pods on nodes that do not answer, and remove those for certain; then run the task again"
            ) from None


def raise_if_ended(cluster: Cluster) -> None:
    """Refuse to go on waiting for a cluster of which nothing is left.

    :raises ClusterFailed: with the cluster's diagnosis, or saying that it was terminated.
    """
    if cluster.state.is_final:
        raise ClusterFailed(str(cluster), cluster.diagnosis or cluster_terminated(cluster))


def _workers_so_far(cluster: Cluster) -> str:
    return f", {cluster.workers_ready} of {cluster.spec.workers} workers ready"

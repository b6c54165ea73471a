"""The use cases of clusters: launch, wait, list and terminate."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dcluster_provider.control.cluster_progress import ClusterProgress
from dcluster_provider.control.nodes.dedicated import DedicatedNodes, without_a_cloud
from dcluster_provider.control.observation_errors import (
    Unobservable,
    raise_if_given_up,
    require_same_location,
)
from dcluster_provider.control.records import cluster_info, utc_now
from dcluster_provider.control.resizing import check_size, require_resizing, require_running
from dcluster_provider.control.settings import Settings
from dcluster_provider.control.termination import cluster_terminated, in_use
from dcluster_provider.control.waiting import Wait
from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.diagnosis import ConnectionCode, Diagnosis
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
from dcluster_provider.core.spec import parse, reject_redacted
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

_TERMINATION_SECONDS = 600.0  # a termination takes no longer, unless a node does not answer
_REMOVAL_SECONDS = 30.0  # the removal of a cluster that the platform rejected takes no longer, normally


class Clusters:
    """Launches, polls, waits for and terminates the clusters of one connection."""

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
        replace_terminating: bool = False,
    ) -> Cluster:
        """Request a cluster, and return without waiting until it is ready.

        The same key returns the same cluster while that is live, and a new one after it has terminated or failed.

        :param spec: a ClusterSpec, a mapping with its fields, or JSON text of ClusterEntity.
        :param key: identifies the request; None means the owner's key, or a new one.
        :param owner: the Airflow task that requests it; live clusters of its older epochs are terminated first.
        :param launched_for: the Airflow task whose job requests its own cluster; the job handles the older epochs.
        :param actor: who requests it, for the cluster's events.
        :param report: called with progress messages of long steps (an engine is installed); logs them by default.
        :param replace_terminating: do not wait until a terminating cluster of this key is gone, but launch another.
        :raises InvalidSpec: the specification is invalid; nothing was stored or started.
        :raises PlatformRefused: the platform cannot be used, or the key's live cluster is at another location; nothing
            was stored.
        :raises ClusterFailed: the platform rejects the cluster; nothing of it is left.
        :raises WaitTimeout: an earlier cluster of the same request is still terminating after ten minutes.
        """
        spec = self._checked(spec)
        connect(self._platform)
        if owner is not None:
            self.end_older_epochs(owner)
        key = key or (owner.key if owner else fresh_key())
        cluster = self._claim(spec, key, owner or launched_for, actor, replace_terminating)
        return self._make(cluster, actor, report)

    def request(
        self,
        spec: ClusterSpec | dict[str, Any] | str,
        key: str | None = None,
        *,
        actor: str = "",
        replace_terminating: bool = False,
    ) -> Cluster:
        """Store the request for a cluster, owned by no task, and start nothing: ``resume`` starts it.

        :param spec: a ClusterSpec, a mapping with its fields, or JSON text of ClusterEntity.
        :param key: identifies the request; None means a new key.
        :param actor: who requests it, for the cluster's events.
        :param replace_terminating: do not wait until a terminating cluster of this key is gone, but request another.
        :returns: the key's cluster while that is live, otherwise a new one.
        :raises InvalidSpec: the specification is invalid; nothing was stored.
        :raises PlatformRefused: the platform lacks what the cluster needs, a package or connection to reach it is
            missing, or the key's live cluster is at another location.
        """
        self.require_client()
        return self._claim(self._checked(spec), key or fresh_key(), None, actor, replace_terminating)

    def external(self, known: ExternalCluster, *, actor: str = "") -> Cluster:
        """The record of an external cluster, with its present addresses.

        It stays RUNNING: it is neither watched nor terminated.
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
        """Continue a launch that may have been interrupted; a cluster past its launch stays as it is.

        :param report: called with progress messages of long steps; logs them by default.
        :raises PlatformRefused: the platform cannot be used, or the cluster is at another location; the launch stays as
            it was.
        :raises ClusterFailed: the platform rejects the cluster; nothing of it is left.
        """
        connect(self._platform)
        return self._make(self.get(cluster_id), "", report)

    def end_older_epochs(self, owner: Owner) -> None:
        """Terminate the clusters that a task launched before a person cleared it.

        A long-living cluster with live jobs is left to them: its idle timeout terminates it.
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
            self._prepare(cluster.spec, report)  # installs what runs its drivers and clients on this machine
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
            with suppress(WaitTimeout):  # the next poll continues
                self._finish(cluster.id, _REMOVAL_SECONDS)
            raise ClusterFailed(
                str(cluster), refusal.diagnosis.without(cluster.spec.secret_values)
            ) from refusal
        begun = self._progress.change(cluster, begin_cluster, actor)
        if begun.state.is_ending:
            # It was terminated while it was being made: delete what was made after that.
            begun = self._progress.remove(begun)
        return begun

    def _prepare(self, spec: ClusterSpec, report: Report) -> None:
        if isinstance(self._platform, SupportsPreparation):
            self._platform.prepare(spec, report)

    def require_client(self) -> None:
        """Reject a request that no process can carry out: a package is missing, or a connection has another type.

        Missing credentials are accepted: the process that carries it out may have them.

        :raises PlatformRefused: a package or connection is missing; the error names it.
        """
        try:
            connect(self._platform)
        except PlatformRefused as refusal:
            if refusal.diagnosis.code in {ConnectionCode.PROVIDER_MISSING, ConnectionCode.WRONG_TYPE}:
                raise

    def require_same_location(self, cluster: Cluster) -> None:
        """Reject a live cluster whose location is not the one that the connection leads to.

        :raises PlatformRefused: the cluster is remote; the error names both locations.
        """
        if not cluster.state.is_final:
            require_same_location(self._platform, cluster)

    def get(self, cluster: int | str) -> Cluster:
        """A cluster by id or name, in its last recorded state.

        :raises NotFound: no cluster has this id or name.
        """
        if isinstance(cluster, int):
            return self._registry.clusters.get(cluster)
        return self._registry.clusters.find(cluster)

    def info(self, cluster: int | str) -> dict[str, Any]:
        """A cluster in its last recorded state as a JSON object: ClusterEntity's fields, state, times and links.

        :raises NotFound: no cluster has this id or name.
        """
        return cluster_info(self.get(cluster), self._settings)

    def of_key(self, key: str) -> Cluster | None:
        """The latest cluster of a request key; None before the first request."""
        return self._registry.clusters.latest_of_key(key)

    def end_owned_by(self, owner: Owner, *, actor: str = "") -> None:
        """Terminate the live clusters of a task, of its present epoch and older ones, except long-living ones."""
        for cluster in self._registry.clusters.live_of_older_epochs(replace(owner, epoch=owner.epoch + 1)):
            if not cluster.spec.long_living:
                self.terminate(cluster.id, actor=actor)

    def list(
        self, state: str | Collection[str] | None = None, tenant: str | None = None, *, limit: int = 1000
    ) -> list[Cluster]:
        """Clusters in their last recorded states, newest first.

        :param state: one state or several, in any letter case; None means every state.
        :param tenant: only clusters of this tenant.
        :raises InvalidSpec: a state does not exist; the error names the nearest.
        """
        return self._registry.clusters.list(
            states=parse_states(ClusterState, state), tenant=tenant, limit=limit
        )

    def of_run(self, dag_id: str, run_id: str) -> builtins.list[Cluster]:
        """The clusters that the tasks of a DAG run requested, newest first."""
        found = self._registry.clusters.iterate(owner_run=(dag_id, run_id))
        return [cluster for cluster in found if cluster.deployment == self._settings.deployment]

    def observe(self, ids: Iterable[int]) -> dict[int, Cluster]:
        """Poll clusters in one batch and return them by id, in their current states.

        A cluster that failed or is terminating is removed one step further.
        """
        return self._progress.observe(ids)

    def unobservable(self, cluster_id: int) -> Unobservable | None:
        """Why the last poll could not observe a cluster; None when it could."""
        return self._progress.unobservable(cluster_id)

    def _poll(self, cluster_id: int) -> Cluster:
        cluster = self.observe([cluster_id])[cluster_id]
        if not cluster.state.is_final:
            raise_if_given_up(self.unobservable(cluster_id))
        return cluster

    def status(self, cluster: int | str) -> ClusterState:
        """Poll a cluster and return its current state.

        :raises NotFound: no cluster has this id or name.
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
        just_polled: bool = False,
    ) -> Cluster:
        """Poll a cluster until it is in one of the states, and return it.

        :param timeout: seconds; None means no limit.
        :param poll_interval: seconds between two polls.
        :param on_change: called with the cluster at the first poll and whenever its state or diagnosis changes; None
            logs the changes.
        :param just_polled: start with the recorded state instead of a poll, because another process has just polled.
        :raises ClusterFailed: it ended in a state that is not one of them.
        :raises WaitTimeout: the timeout passed; the cluster is left as it is.
        :raises DClusterError: polls failed for a minute, or the platform rejected them for five.
        """
        first = self.get(cluster_id) if just_polled else None
        reported: tuple[ClusterState, Diagnosis | None] | None = None

        def report_change(cluster: Cluster) -> None:
            nonlocal reported
            now = (cluster.state, cluster.diagnosis)
            if on_change is not None and now != reported:
                on_change(cluster)
            reported = now

        wait = Wait(self._platform, lambda: self._poll(cluster_id), timeout, poll_interval)
        on_poll = report_change if on_change is not None else None
        return wait.until(states, first=first, on_poll=on_poll, check=raise_if_ended, so_far=_workers_so_far)

    def resize(
        self,
        cluster: int | str,
        workers: int,
        *,
        at_least: bool = False,
        only_unused: bool = False,
        actor: str = "",
    ) -> Cluster:
        """Give a running elastic cluster another number of workers, and return without waiting for them.

        Its jobs go on: Spark's executors on surplus workers finish their tasks and hand their blocks over first, and
        Flink's jobs go on from their newest checkpoints. Any poll continues a resize that was interrupted.

        :param workers: from the cluster's ``minWorkers`` to its ``maxWorkers``.
        :param at_least: leave a cluster that has more as it is.
        :param only_unused: leave a cluster with a live job as it is.
        :param actor: who resizes it, for the cluster's events.
        :returns: the cluster: DEGRADED until it has exactly that number, then RUNNING.
        :raises NotFound: no cluster has this id or name.
        :raises InvalidSpec: it is not elastic, or the number is out of its bounds.
        :raises ClusterNotRunning: it is still being launched, is terminating or has ended.
        :raises PlatformRefused: its platform cannot resize clusters, or it is at another location.
        """
        found = self.get(cluster)
        check_size(self._platform, found, workers)
        self.require_same_location(found)
        connect(self._platform)
        resized = self._registry.clusters.resize(
            found.id, workers, utc_now(), at_least=at_least, only_unused=only_unused, actor=actor
        )
        require_running(resized)
        return self.observe([found.id])[found.id]

    def terminate(
        self,
        cluster: int | str,
        *,
        actor: str = "",
        asked_by: Owner | None = None,
        force: bool = False,
    ) -> Cluster:
        """Terminate a cluster and the jobs on it; one that has ended stays as it is.

        :param actor: who terminates it, for the cluster's events.
        :param asked_by: the Airflow task that terminates it: a long-living cluster with live jobs of other DAG runs is
            left as it is. None (a person) terminates it under any job.
        :param force: terminate it under the jobs of other DAG runs, too.
        :returns: the cluster: TERMINATED, or TERMINATING until its platform has removed it, or while it is remote.
        :raises NotFound: no cluster has this id or name.
        :raises ClusterInUse: jobs of other DAG runs are live on it; the error names them.
        :raises InvalidSpec: it is an external cluster.
        """
        found = self.get(cluster)
        if found.state.is_final:
            return found
        if found.is_external:
            raise InvalidSpec(
                f"{found} is external: it takes jobs from here, and only its operator can terminate it"
            )
        if asked_by is not None and found.spec.long_living and not force:
            found = self._end_unless_used(found.id, asked_by, actor)
        for job in self._registry.jobs.iterate(states=LIVE_JOB_STATES, cluster_id=found.id):
            with suppress(StaleRecord):  # the job changed meanwhile; the cluster's termination settles it
                self._registry.jobs.save(stop_job(job, utc_now()), actor=actor)
        return self._progress.remove(self._progress.change(found, end_cluster, actor))

    def end_unused(self, cluster_id: int, *, actor: str = "") -> bool:
        """Start the termination of a cluster without live jobs.

        One transaction checks that no live job is on it and marks it TERMINATING: no job is added in between.

        :param actor: who terminates it, for the cluster's events.
        :returns: whether the cluster is terminating or has ended; False when a live job keeps it.
        :raises NotFound: no cluster has this id.
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
        if spec.is_elastic:
            require_resizing(self._platform)
        self._nodes.check(spec)
        return spec

    def _claim(
        self, spec: ClusterSpec, key: str, owner: Owner | None, actor: str, replace_terminating: bool
    ) -> Cluster:
        while True:
            claim = self._registry.clusters.claim(
                key=key,
                spec=spec,
                env=self._settings.env,
                deployment=self._settings.deployment,
                conn_id=self._settings.conn_id,
                platform=self._platform.name,
                location=self._platform.location_of(spec),
                owner=owner,
                now=utc_now(),
                actor=actor,
                replace_terminating=replace_terminating,
            )
            self.require_same_location(claim.record)
            if claim.record.state is not ClusterState.TERMINATING:
                return claim.record
            self._finish(claim.record.id)

    def _finish(self, cluster_id: int, timeout: float | None = None) -> None:
        # Wait until a terminating cluster is gone: then its key is free for the next generation.
        final = tuple(state for state in ClusterState if state.is_final)
        try:
            self.wait(cluster_id, final, timeout or _TERMINATION_SECONDS)
        except WaitTimeout as late:
            raise WaitTimeout(
                f"{late}. No other cluster is launched for the same request before it is gone. Look for its pods on "
                "nodes that do not answer, delete those, and run the task again"
            ) from None


def raise_if_ended(cluster: Cluster) -> None:
    """Stop waiting for a cluster that has ended.

    :raises ClusterFailed: with the cluster's diagnosis, or the fact that it was terminated.
    """
    if cluster.state.is_final:
        raise ClusterFailed(str(cluster), cluster.diagnosis or cluster_terminated(cluster))


def _workers_so_far(cluster: Cluster) -> str:
    return f", {cluster.workers_ready} of {cluster.spec.workers} workers ready"

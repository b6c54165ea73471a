"""What a cluster's pods and events say of the cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase
from dcluster_provider.core.record import Cluster
from dcluster_provider.platforms.kubernetes.diagnosis import GracePeriods, broken_pod, refused_pods
from dcluster_provider.platforms.kubernetes.pods.pod import KubernetesEvent, Pod

_MISSING = timedelta(seconds=5)  # pods that are not there by then are asked after
_STARTING = timedelta(seconds=15)  # and pods that have not begun by then, or for which there is no node

Events = Callable[[str], Sequence[KubernetesEvent]]


@dataclass(frozen=True)
class Addresses:
    """Where a cluster is reached."""

    master_url: str
    ui_url: str


@dataclass(frozen=True)
class ClusterView:
    """The pods of a standalone or session cluster at one moment.

    :param events: asks for the warnings about objects whose names begin so.
    """

    cluster: Cluster
    pods: Sequence[Pod]
    events: Events
    grace_periods: GracePeriods
    now: datetime

    def observe(self, addresses: Addresses) -> ClusterObservation:
        """The cluster as it is; something of it exists."""
        ready = sum(pod.ready and not pod.deleting for pod in self._of("worker"))
        failure = self._failure()
        phase = ClusterPhase.STARTING
        if failure is not None:
            phase = ClusterPhase.BROKEN
        elif ready >= self.cluster.spec.workers and any(
            pod.ready and not pod.deleting for pod in self._of("master")
        ):
            phase = ClusterPhase.READY
        hint = self._broken("worker", self.cluster.spec.workers) if phase is ClusterPhase.STARTING else None
        return ClusterObservation(phase, addresses.master_url, addresses.ui_url, ready, failure, hint)

    def _of(self, role: str) -> list[Pod]:
        return [pod for pod in self.pods if pod.role == role and not pod.is_over]

    def _failure(self) -> Diagnosis | None:
        """Why the cluster cannot become or stay usable by itself; none when it can."""
        master = self._broken("master", 1)
        if master is not None:
            return master
        workers = self._of("worker")
        standing = [pod for pod in workers if pod.ready]
        if self.cluster.state.takes_jobs and standing:
            return None  # some are at work, and the others may come back
        return self._broken("worker", self.cluster.spec.workers)

    def _broken(self, role: str, wanted: int) -> Diagnosis | None:
        pods = self._of(role)
        for pod in pods:
            events = self.events(pod.name) if self._is_late(pod) else ()
            found = broken_pod(pod, self.now, self.grace_periods, events)
            if found is not None:
                return found
        if len(pods) < wanted and self.now - self.cluster.state_since > _MISSING:
            return refused_pods(self.events(f"{self.cluster.name}-{role}"), self.now, self.grace_periods)
        return None

    def _is_late(self, pod: Pod) -> bool:
        engine = pod.engine
        has_begun = engine is not None and (engine.running_since is not None or engine.restarts > 0)
        return not has_begun and (bool(pod.unschedulable) or self.now - pod.created_at > _STARTING)

"""Kueue: a cluster waits as a Workload, and its pods are made once all of them are admitted.

The Workload is the cluster's own, as those of Kueue's integrations are their jobs': one for each pod or Deployment
would let the half of two clusters start, and neither get on.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from threading import Lock

from cachetools import TTLCache

from dcluster_provider.core.errors import PlatformRefused
from dcluster_provider.core.observation import ClusterObservation, ClusterPhase
from dcluster_provider.core.record import Cluster
from dcluster_provider.platforms.kubernetes.api.client import Json, KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import KUEUE, collection
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.diagnosis.queueing import (
    evicted,
    kueue_missing,
    priority_class_missing,
    queue_missing,
    queued,
)
from dcluster_provider.platforms.kubernetes.manifests.metadata import Place, selector
from dcluster_provider.platforms.kubernetes.queues.added_fields import with_fields
from dcluster_provider.platforms.kubernetes.queues.pod_sets import PodSet
from dcluster_provider.platforms.kubernetes.queues.workload import (
    condition,
    flavors,
    is_admitted,
    placing,
    why_pending,
    with_ready_pods,
    without_reservation,
    workload,
)
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

_LISTED_SECONDS = 2.0  # one list serves all clusters of a poll
_FLAVOR_SECONDS = 300


class Kueue:
    """The Workloads of one connection's clusters."""

    def __init__(self, settings: KubernetesSettings, api: KubernetesApi) -> None:
        self._settings = settings
        self._api = api
        self._listed: dict[str, tuple[float, dict[str, Json]]] = {}
        self._flavors: TTLCache[str, Json] = TTLCache(256, _FLAVOR_SECONDS)
        self._lock = Lock()

    def enter(self, cluster: Cluster, place: Place, sets: list[PodSet]) -> Json:
        """Have a cluster wait in its queue, unless it does.

        :returns: its Workload.
        :raises PlatformRefused: there is no Kueue, no such queue or no such priority class.
        :raises ApiRefused: the Workload may not be made.
        """
        path, name = collection("Workload", place.namespace), self._settings.queue_of(cluster.spec)
        found = self._api.find(f"{path}/{cluster.name}")
        if found is not None:
            return found
        self._require_queue(cluster, place.namespace, name)
        priority = self._priority(cluster) if cluster.spec.priority_class_name else None
        made = self._api.ensure(path, workload(cluster, place, name, sets, priority))
        with self._lock:
            self._listed.pop(place.namespace, None)
        return made

    def placed(self, cluster: Cluster, found: Json | None = None) -> Cluster | None:
        """An admitted cluster whose pods are told where they may run; none while it is not admitted.

        :param found: its Workload, where that is known.
        """
        found = found or self._find(cluster)
        if found is None or not is_admitted(found):
            return None
        used = {name for names in flavors(found).values() for name in names}
        return with_fields(cluster, {}, placing(found, {name: self._flavor(name) for name in used}))

    def observe(self, cluster: Cluster, *, has_pods: bool, is_made: bool) -> ClusterObservation | None:
        """What the queue says of a cluster; none when all depends on its pods.

        A cluster that was evicted before it had any pods goes back to its queue.

        :param is_made: whether there is a pod of each role that it has, or it has none of its own.
        """
        name, found = self._settings.queue_of(cluster.spec), self._find(cluster)
        has_begun = has_pods or cluster.state.takes_jobs
        if found is None:  # its launch was cut short, or the connection had no queue when it began
            return None if has_begun else ClusterObservation(ClusterPhase.ADMITTED)
        eviction = condition(found, "Evicted")
        is_deactivated = found["spec"].get("active") is False
        if is_deactivated or (eviction is not None and has_begun):
            why = eviction or {"reason": "Deactivated"}
            told = evicted(cluster, name, why["reason"], why.get("message", ""))
            return ClusterObservation(ClusterPhase.BROKEN, diagnosis=told)
        if is_admitted(found):
            return None if is_made or cluster.state.takes_jobs else ClusterObservation(ClusterPhase.ADMITTED)
        if eviction is not None and condition(found, "QuotaReserved"):
            self._set_status(found, without_reservation(found, datetime.now(timezone.utc)))
        return ClusterObservation(ClusterPhase.STARTING, hint=queued(cluster, name, why_pending(found)))

    def tell_ready(self, cluster: Cluster) -> None:
        """Tell Kueue that all pods are ready, unless it knows."""
        found = self._find(cluster)
        if found is not None and not condition(found, "PodsReady"):
            self._set_status(found, with_ready_pods(found, datetime.now(timezone.utc)))

    def _set_status(self, found: Json, status: Json) -> None:
        metadata = found["metadata"]
        path = f"{collection('Workload', metadata['namespace'])}/{metadata['name']}/status"
        version = {"metadata": {"resourceVersion": metadata["resourceVersion"]}}
        try:
            self._api.merge(path, version | {"status": status})
        except ApiRefused as refusal:
            # Changed or gone meanwhile: the next poll looks again.
            if refusal.status not in {404, 409}:
                raise
        with self._lock:
            self._listed.pop(metadata["namespace"], None)

    def _find(self, cluster: Cluster) -> Json | None:
        namespace = self._settings.namespace_of(cluster.spec)
        with self._lock:
            at, known = self._listed.get(namespace, (-_LISTED_SECONDS, {}))
            if time.monotonic() - at >= _LISTED_SECONDS:
                query = {"labelSelector": selector(self._settings.deployment)}
                items, _ = self._api.list(collection("Workload", namespace), query)
                known = {each["metadata"]["name"]: each for each in items}
                self._listed[namespace] = time.monotonic(), known
        # The list may be older than the Workload.
        return known.get(cluster.name) or self._api.find(
            f"{collection('Workload', namespace)}/{cluster.name}"
        )

    def _require_queue(self, cluster: Cluster, namespace: str, name: str) -> None:
        path = collection("LocalQueue", namespace)
        if self._api.find(f"{path}/{name}") is not None:
            return
        try:
            there, _ = self._api.list(path)
        except ApiRefused as refusal:
            if refusal.status != 404:
                raise
            raise PlatformRefused(str(cluster), kueue_missing()) from None
        known = [each["metadata"]["name"] for each in there]
        raise PlatformRefused(str(cluster), queue_missing(name, namespace, known))

    def _priority(self, cluster: Cluster) -> int:
        name = cluster.spec.priority_class_name
        found = self._api.find(f"{KUEUE}/workloadpriorityclasses/{name}")
        if found is None:
            raise PlatformRefused(str(cluster), priority_class_missing(name))
        return int(found["value"])

    def _flavor(self, name: str) -> Json:
        with self._lock:
            known: Json | None = self._flavors.get(name)
        if known is None:
            known = self._api.get(f"{KUEUE}/resourceflavors/{name}")
            with self._lock:
                self._flavors[name] = known
        return known

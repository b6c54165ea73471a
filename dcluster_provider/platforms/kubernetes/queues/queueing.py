"""The queue of a cluster, whichever system admits clusters from it."""

from __future__ import annotations

from collections.abc import Sequence

from dcluster_provider.core.cluster_spec import ClusterSpec
from dcluster_provider.core.observation import ClusterObservation
from dcluster_provider.core.record import Cluster
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import collection
from dcluster_provider.platforms.kubernetes.manifests.metadata import Place
from dcluster_provider.platforms.kubernetes.pods.pod import Pod
from dcluster_provider.platforms.kubernetes.queues.kueue import Kueue
from dcluster_provider.platforms.kubernetes.queues.pod_sets import pod_sets
from dcluster_provider.platforms.kubernetes.queues.schedulers import pod_group, with_volcano, with_yunikorn
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings


class Queues:
    """The queues of one connection's clusters; a cluster that waits in none passes through."""

    def __init__(self, settings: KubernetesSettings, api: KubernetesApi) -> None:
        self._settings = settings
        self._api = api
        self._kueue = Kueue(settings, api)

    def enter(self, settings: KubernetesSettings, cluster: Cluster, place: Place) -> Cluster | None:
        """Have a cluster wait in its queue, unless it does or has.

        :param settings: for the pods of its namespace.
        :returns: the cluster with what the queue wants of its pods; none when they may not be made yet.
        :raises PlatformRefused: there is no such queue.
        :raises ApiRefused: what stands in the queue for it may not be made.
        """
        name = self._settings.queue_of(cluster.spec)
        if not name:
            return cluster
        sets = pod_sets(settings, cluster)
        if self._settings.queueing == "kueue":
            return self._kueue.placed(cluster, self._kueue.enter(cluster, place, sets))
        if self._settings.queueing == "yunikorn":
            return with_yunikorn(cluster, name, sets)
        self._api.ensure(collection("PodGroup", place.namespace), pod_group(cluster, place, name, sets))
        return with_volcano(cluster)

    def placed(self, cluster: Cluster) -> Cluster:
        """A cluster that runs with what its queue wants of the pods of its jobs."""
        name = self._settings.queue_of(cluster.spec)
        if not name or cluster.is_external:
            return cluster
        if self._settings.queueing == "kueue":
            return self._kueue.placed(cluster) or cluster
        if self._settings.queueing == "yunikorn":
            return with_yunikorn(cluster, name, pod_sets(self._settings, cluster))
        return with_volcano(cluster)

    def observe(self, cluster: Cluster, pods: Sequence[Pod], *, is_made: bool) -> ClusterObservation | None:
        """What its queue says of a cluster; none when all depends on its pods.

        :param is_made: whether no pods of its own are to come any more.
        """
        if not self._waits_for_kueue(cluster.spec):
            return None
        is_made = is_made or {"master", "worker"} <= {pod.role for pod in pods if not pod.is_over}
        return self._kueue.observe(cluster, has_pods=bool(pods), is_made=is_made)

    def waits_as_pods(self, cluster: Cluster) -> bool:
        """Whether its pods stand in the queue themselves: to them a queue looks like the lack of a node."""
        return bool(self._settings.queue_of(cluster.spec)) and not self._waits_for_kueue(cluster.spec)

    def tell_ready(self, cluster: Cluster) -> None:
        """Tell its queue that a cluster is up; some evict what is not after a while."""
        if self._waits_for_kueue(cluster.spec):
            self._kueue.tell_ready(cluster)

    def _waits_for_kueue(self, spec: ClusterSpec) -> bool:
        return self._settings.queueing == "kueue" and bool(self._settings.queue_of(spec))

"""The roots of jobs on clusters that somebody else runs: each owns everything of its job, and goes with its end."""

from __future__ import annotations

from collections.abc import Callable

from dcluster_provider.core.errors import PlatformUnavailable
from dcluster_provider.core.identity import label_value
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.platforms.kubernetes.api.client import Json, KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import collection
from dcluster_provider.platforms.kubernetes.external import job_root
from dcluster_provider.platforms.kubernetes.manifests.metadata import (
    CLUSTER,
    JOB,
    KEY,
    Place,
    job_name,
    registry_of,
    selector,
)
from dcluster_provider.platforms.kubernetes.owner_objects import is_going
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings


class JobOwnerObjects:
    """The roots of one connection's jobs on clusters that somebody else runs.

    :param registry_id: tells the id of the registry that knows them.
    """

    def __init__(
        self, settings: KubernetesSettings, api: KubernetesApi, registry_id: Callable[[], str]
    ) -> None:
        self._settings = settings
        self._api = api
        self._registry_id = registry_id

    def ensure(self, job: Job, cluster: Cluster) -> Place:
        """Make the root, unless it is there.

        :raises ApiRefused: it may not be made.
        """
        namespace = self._settings.namespace_of(cluster.spec)
        made = self._api.ensure(collection("ConfigMap", namespace), job_root(job, cluster, namespace))
        return _place(made)

    def place(self, job: Job, cluster: Cluster) -> Place:
        """Where something of the job has to go.

        :raises PlatformUnavailable: it has no root: whoever submits it was cut short and has not come back.
        """
        found = self.find(job, cluster)
        if found is None:
            raise PlatformUnavailable(f"{job}: nothing has been made for it yet")
        return found

    def find(self, job: Job, cluster: Cluster) -> Place | None:
        """The same; none when it has no root."""
        found = self._find(job, cluster)
        return _place(found) if found is not None else None

    def delete(self, job: Job, cluster: Cluster) -> bool:
        """Begin to delete the root; it stays until everything that it owns is gone.

        :returns: whether there was one whose deletion had not begun.
        :raises ApiRefused: it may not be deleted.
        """
        found = self._find(job, cluster)
        return found is not None and self._delete(found)

    def job_ids(self) -> list[int]:
        """The ids of the jobs that have a root."""
        return sorted(int(found["metadata"]["labels"][JOB]) for found in self._list())

    def delete_of_cluster(self, name: str) -> bool:
        """Begin to delete the roots of all jobs on a cluster, by its name.

        :returns: whether there is one.
        """
        found = self._list(f"{CLUSTER}={label_value(name)}")
        for each in found:
            self._delete(each)
        return bool(found)

    def _find(self, job: Job, cluster: Cluster) -> Json | None:
        namespace = self._settings.namespace_of(cluster.spec)
        found = self._api.find(f"{collection('ConfigMap', namespace)}/{job_name(job)}")
        if found is None or found["metadata"].get("labels", {}).get(KEY) != label_value(job.key):
            return None
        return found if registry_of(found) == job.registry_id else None

    def _list(self, also: str = "") -> list[Json]:
        wanted = ",".join(part for part in (selector(self._settings.deployment), JOB, also) if part)
        items: list[Json] = []
        registry_id = self._registry_id()
        for namespace in self._settings.namespaces:
            for page in self._api.pages(collection("ConfigMap", namespace), {"labelSelector": wanted}):
                items += [item for item in page.get("items") or [] if registry_of(item) == registry_id]
        return items

    def _delete(self, found: Json) -> bool:
        metadata = found["metadata"]
        path = f"{collection('ConfigMap', metadata['namespace'])}/{metadata['name']}"
        return not is_going(found) and self._api.delete(path, "Foreground", metadata["uid"])


def _place(found: Json) -> Place:
    metadata = found["metadata"]
    return Place(metadata["namespace"], metadata["uid"], metadata["name"])

"""The roots of clusters, and of jobs on clusters that somebody else runs.

A root is what is made first; it owns everything else of its cluster or job, and takes it along when it goes.
"""

from __future__ import annotations

from collections.abc import Callable

from dcluster_provider.core.diagnosis import ClusterCode, Diagnosis
from dcluster_provider.core.errors import PlatformRefused, PlatformUnavailable
from dcluster_provider.core.identity import label_value
from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.platforms.kubernetes.api.client import Json, KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import collection
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.diagnosis import refused_request
from dcluster_provider.platforms.kubernetes.diagnosis.requests import RequestCode
from dcluster_provider.platforms.kubernetes.manifests.cluster_objects import job_root, root
from dcluster_provider.platforms.kubernetes.manifests.metadata import (
    CLUSTER,
    DEPLOYMENT,
    JOB,
    KEY,
    Place,
    job_name,
    registry_of,
    selector,
)
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings


class OwnerObjects:
    """The roots of one connection's clusters.

    :param registry_id: tells the id of the registry that knows them.
    """

    def __init__(
        self, settings: KubernetesSettings, api: KubernetesApi, registry_id: Callable[[], str]
    ) -> None:
        self._settings = settings
        self._api = api
        self._registry_id = registry_id

    def ensure(self, cluster: Cluster) -> Place:
        """Make the root, unless it is there.

        :raises PlatformRefused: another cluster has a root of this name.
        :raises ApiRefused: it may not be made.
        """
        namespace = self._settings.namespace_of(cluster.spec)
        made = self._api.ensure(collection("ConfigMap", namespace), root(cluster, namespace))
        if not _is_of(made, cluster):
            raise PlatformRefused(str(cluster), _name_taken(cluster, namespace))
        return Place(namespace, made["metadata"]["uid"])

    def find(self, cluster: Cluster) -> Json | None:
        """The root; one of the same name that is another cluster's is none."""
        found = self._api.find(self._path(cluster))
        return found if found is not None and _is_of(found, cluster) else None

    def place(self, cluster: Cluster, what: str) -> Place:
        """Where something of the cluster has to go.

        :raises PlatformRefused: nothing of the cluster is there any more.
        """
        found = self.find(cluster)
        if found is None:
            raise PlatformRefused(what, _cluster_gone(cluster))
        return Place(self._settings.namespace_of(cluster.spec), found["metadata"]["uid"])

    def delete(self, cluster: Cluster) -> None:
        """Begin to delete the root; it stays until everything that it owns is gone."""
        found = self.find(cluster)
        if found is not None and not is_going(found):
            self._api.delete(self._path(cluster), "Foreground", found["metadata"]["uid"])

    def names(self) -> list[str]:
        """The names of this registry's clusters that exist, and of those elsewhere that it has jobs on."""
        names, registry_id = set(), self._registry_id()
        for namespace in self._settings.namespaces:
            query = {"labelSelector": selector(self._settings.deployment)}
            for page in self._api.pages(collection("ConfigMap", namespace), query):
                own = (item for item in page.get("items") or [] if registry_of(item) == registry_id)
                metadata = [item["metadata"] for item in own]
                roots = (each for each in metadata if JOB in each["labels"] or _is_root(each))
                names |= {each["labels"][CLUSTER] for each in roots}
        return sorted(names)

    def delete_unknown(self, name: str) -> bool:
        """Begin to delete a root by its name, if it is one and this registry's.

        :returns: whether there is one.
        """
        deployment, deleted = label_value(self._settings.deployment), False
        for namespace in self._settings.namespaces:
            path = f"{collection('ConfigMap', namespace)}/{name}"
            found = self._api.find(path)
            labels = (found["metadata"].get("labels") or {}) if found is not None else {}
            if found is None or (labels.get(DEPLOYMENT), labels.get(CLUSTER)) != (deployment, name):
                continue
            if registry_of(found) != self._registry_id():
                continue
            deleted = True
            if not is_going(found):
                self._api.delete(path, "Foreground", found["metadata"]["uid"])
        return deleted

    def refused(self, refusal: ApiRefused, what: str, cluster: Cluster) -> PlatformRefused:
        """What a refusal of the API server means for a cluster or a job of it."""
        namespace = self._settings.namespace_of(cluster.spec)
        return PlatformRefused(what, refused_request(refusal, what, namespace, self._settings.overlay))

    def _path(self, cluster: Cluster) -> str:
        return f"{collection('ConfigMap', self._settings.namespace_of(cluster.spec))}/{cluster.name}"


def _is_root(metadata: Json) -> bool:
    return bool(metadata["labels"].get(CLUSTER) == metadata["name"])


def is_going(found: Json) -> bool:
    """Whether the deletion of an object was asked for."""
    return "deletionTimestamp" in found["metadata"]


def _is_of(found: Json, cluster: Cluster) -> bool:
    same_key = (found["metadata"].get("labels") or {}).get(KEY) == label_value(cluster.key)
    return same_key and registry_of(found) == cluster.registry_id


def _name_taken(cluster: Cluster, namespace: str) -> Diagnosis:
    return Diagnosis(
        RequestCode.NAME_TAKEN,
        f"The ConfigMap {cluster.name} of namespace {namespace} belongs to another cluster.",
        "Give each Airflow a deployment of its own in its dcluster connection, then run the task again.",
    )


def _cluster_gone(cluster: Cluster) -> Diagnosis:
    return Diagnosis(
        ClusterCode.VANISHED,
        f"Nothing of {cluster} exists any more.",
        "Find out who removed it (events of the cluster: airflow dcluster clusters show), then run the task again.",
    )


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

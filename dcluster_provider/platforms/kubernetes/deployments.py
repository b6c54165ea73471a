"""Whether the Deployments of a cluster whose pods are missing are there."""

from __future__ import annotations

import time

from dcluster_provider.core.diagnosis import Diagnosis
from dcluster_provider.core.record import Cluster
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import collection
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.diagnosis.ending import EndCode
from dcluster_provider.platforms.kubernetes.engine_table import pod_engine
from dcluster_provider.platforms.kubernetes.manifests.metadata import Place
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

_SECONDS = 15.0  # between two questions about one cluster
_MAX_KNOWN = 1000


class Deployments:
    """The Deployments of one connection's clusters."""

    def __init__(self, settings: KubernetesSettings, api: KubernetesApi) -> None:
        self._settings = settings
        self._api = api
        self._known: dict[int, tuple[float, Diagnosis | None]] = {}

    def why_missing(self, cluster: Cluster) -> Diagnosis | None:
        """That somebody has deleted a Deployment of a cluster; none while all are there.

        To be asked only while pods are missing.

        :raises PlatformUnavailable: the API server does not answer.
        """
        now = time.monotonic()
        at, known = self._known.get(cluster.id, (-_SECONDS, None))
        if now - at >= _SECONDS:
            known = self._ask(cluster)
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[cluster.id] = (now, known)
        return known

    def _ask(self, cluster: Cluster) -> Diagnosis | None:
        namespace = self._settings.namespace_of(cluster.spec)
        manifests = pod_engine(cluster.spec).cluster_manifests(self._settings, cluster, Place(namespace))
        for manifest in manifests:
            if manifest["kind"] != "Deployment":
                continue
            try:  # making it is tried without making it: that needs no right to read
                self._api.create(collection("Deployment", namespace), manifest, {"dryRun": "All"})
            except ApiRefused:
                continue  # it is there, or nothing can be told of it
            name = manifest["metadata"]["name"]
            return Diagnosis(
                EndCode.DEPLOYMENT_DELETED,
                f"The Deployment {name} was deleted, so its pods do not come back.",
                "Find out who deleted it (the audit log); terminate the cluster, and run the task again for another.",
                (f"namespace {namespace}: no Deployment {name}",),
            )
        return None

"""Where a cluster is reached, by whoever may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from dcluster_provider.core.record import Cluster, Job
from dcluster_provider.engines.rest import TIMEOUT, EngineRest, ErrorResponse, HttpRest, NoAnswer, read_answer
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import service_proxy
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused, ApiUnavailable
from dcluster_provider.platforms.kubernetes.engine_table import pod_engine
from dcluster_provider.platforms.kubernetes.observations import Addresses
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

# The master of drivers that make their executors themselves.
_API_SERVER = "k8s://https://kubernetes.default.svc"


def cluster_addresses(settings: KubernetesSettings, cluster: Cluster) -> Addresses:
    """Where the cluster's master and its page are."""
    if cluster.is_external:
        return Addresses(cluster.master_url, cluster.ui_url)
    namespace, engine = settings.namespace_of(cluster.spec), pod_engine(cluster.spec)
    host = f"{cluster.name}.{namespace}.svc"
    ui_url = settings.ui_url.replace("{name}", cluster.name).replace("{namespace}", namespace)
    if settings.makes_own_executors(cluster.spec):
        return Addresses(_API_SERVER, ui_url)
    return Addresses(engine.master_url(host), ui_url or f"http://{host}:{engine.rest_port}")


def master_rest(settings: KubernetesSettings, api: KubernetesApi, cluster: Cluster) -> EngineRest:
    """The HTTP interface of the cluster's master or JobManager."""
    if cluster.is_external:
        return external_rest(cluster)
    namespace = settings.namespace_of(cluster.spec)
    return engine_rest(settings, api, namespace, cluster.name, pod_engine(cluster.spec).rest_port)


@dataclass(frozen=True)
class ProxiedRest:
    """The HTTP interface of a Service, reached through the API server: from wherever that is reached."""

    api: KubernetesApi
    namespace: str
    service: str
    port: int

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | Iterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> Any:
        """See :class:`~dcluster_provider.engines.rest.EngineRest`."""
        content = self._content(method, path, body, headers, timeout)
        return read_answer(content, f"{method} {self.service}:{self.port}{path}")

    def text(self, path: str) -> str:
        """See :class:`~dcluster_provider.engines.rest.EngineRest`."""
        return self._content("GET", path, None, None, TIMEOUT).decode(errors="replace")

    def _content(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None,
        headers: dict[str, str] | None,
        timeout: float,
    ) -> bytes:
        base = service_proxy(self.namespace, self.service, self.port)
        try:
            with self.api.stream(
                method, base + path, headers=headers, body=body, read_timeout=timeout
            ) as response:
                return bytes(response.read())
        except ApiUnavailable as error:
            raise NoAnswer(str(error)) from error
        except ApiRefused as refusal:
            if refusal.reason in {"Forbidden", "Unauthorized", "ServiceUnavailable"}:
                raise NoAnswer(str(refusal)) from refusal
            raise ErrorResponse(refusal.status, refusal.message) from refusal


def engine_rest(
    settings: KubernetesSettings, api: KubernetesApi, namespace: str, service: str, port: int
) -> EngineRest:
    """The HTTP interface of a cluster's master, by the way that the connection says."""
    if settings.engine_access == "direct":
        return HttpRest(f"{service}.{namespace}.svc", port)
    return ProxiedRest(api, namespace, service, port)


def as_seen_by(job: Job, cluster: Cluster) -> Cluster:
    """The cluster of a job, in the namespace that the job's objects are in.

    One of ours is in a namespace itself; to one that somebody else runs, each job says its own.
    """
    if not cluster.is_external:
        return cluster
    placed = {"use_external_namespace": job.spec.use_external_namespace}
    return replace(cluster, spec=cluster.spec.model_copy(update=placed))


def external_rest(cluster: Cluster) -> EngineRest:
    """The HTTP interface of the cluster's master or JobManager, at its address itself."""
    address = urlsplit(cluster.ui_url)
    return HttpRest(address.hostname or "", address.port or 80)

"""CPU limits of pods: what the connection says, and what a namespace demands where it says nothing.

A ResourceQuota that counts ``limits.cpu`` takes only pods that have one, and a LimitRange gives those that have none
one that may be less than they request.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock

from cachetools import TTLCache

from dcluster_provider.platforms.kubernetes.api.client import Json, KubernetesApi
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.settings import KubernetesSettings

_REMEMBERED_SECONDS = 300
_RANGE_PARTS = ("default", "max", "maxLimitRequestRatio")


class CpuLimits:
    """The CPU limits of one connection's pods."""

    def __init__(self, settings: KubernetesSettings, api: KubernetesApi) -> None:
        self._settings = settings
        self._api = api
        self._demands: TTLCache[str, bool] = TTLCache(64, _REMEMBERED_SECONDS)
        self._lock = Lock()

    def settings_in(self, namespace: str) -> KubernetesSettings:
        """The settings for pods of a namespace, which say what their CPU limit is.

        :raises PlatformUnavailable: the API server does not answer.
        """
        if self._settings.cpu_limit:
            return self._settings
        with self._lock:
            demands = self._demands.get(namespace)
        if demands is None:
            demands = demands_cpu_limit(
                self._listed("resourcequotas", namespace), self._listed("limitranges", namespace)
            )
            with self._lock:
                self._demands[namespace] = demands
        return self._settings.model_copy(update={"cpu_limit": "request" if demands else "none"})

    def _listed(self, kind: str, namespace: str) -> list[Json]:
        try:
            return self._api.list(f"/api/v1/namespaces/{namespace}/{kind}")[0]
        except ApiRefused:  # what may not be read is not known, and a refusal of the pod will tell
            return []


def demands_cpu_limit(quotas: Iterable[Json], ranges: Iterable[Json]) -> bool:
    """Whether pods of a namespace need a CPU limit of their own."""
    counted = any("limits.cpu" in (quota["spec"].get("hard") or {}) for quota in quotas)
    return counted or any(
        "cpu" in (item.get(part) or {})
        for each in ranges
        for item in each["spec"].get("limits") or ()
        if item.get("type") in {"Container", "Pod"}
        for part in _RANGE_PARTS
    )

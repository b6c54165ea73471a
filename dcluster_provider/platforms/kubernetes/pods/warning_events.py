"""The warnings of a namespace, listed for all clusters that wait for something, and not more often than they change."""

from __future__ import annotations

import threading
import time

from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import collection
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.pods.pod import KubernetesEvent, read_event

_FRESH_SECONDS = 5.0


class Warnings:
    """The warning events of one namespace."""

    def __init__(self, api: KubernetesApi, namespace: str) -> None:
        self._api = api
        self._path = collection("Event", namespace)
        self._lock = threading.Lock()
        self._listed_at = 0.0
        self._events: tuple[KubernetesEvent, ...] = ()

    def about(self, *names: str) -> tuple[KubernetesEvent, ...]:
        """The warnings about objects whose names begin so, oldest first; none where events may not be read."""
        with self._lock:
            if time.monotonic() - self._listed_at >= _FRESH_SECONDS:
                self._events = self._list()
                self._listed_at = time.monotonic()
        return tuple(event for event in self._events if event.name.startswith(names))

    def _list(self) -> tuple[KubernetesEvent, ...]:
        try:
            items, _ = self._api.list(self._path, {"fieldSelector": "type=Warning"})
        except ApiRefused as refusal:
            if refusal.status == 403:
                return ()
            raise
        return tuple(sorted((read_event(item) for item in items), key=lambda event: event.last_at))

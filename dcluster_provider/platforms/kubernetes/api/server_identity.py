"""What tells an API server's cluster from every other: the uid of its namespace kube-system, which never changes."""

from __future__ import annotations

import json
import logging
import threading
import time

from dcluster_provider.core.errors import DClusterError
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi

SYSTEM_NAMESPACE = "/api/v1/namespaces/kube-system"
_LOG = logging.getLogger(__name__)
_READ_SECONDS = 5.0
_UNKNOWN_SECONDS = 60.0  # after which it is asked for again, when it could not be read


class ServerIdentity:
    """The identity of one connection's API server, read once with each client."""

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._uid = ""
        self._asked_at: float | None = None

    def uid(self) -> str:
        """The uid; empty when it may not be read, or when nobody answers just now."""
        with self._lock:
            now = time.monotonic()
            if not self._uid and (self._asked_at is None or now - self._asked_at > _UNKNOWN_SECONDS):
                self._asked_at = now
                self._uid = self._read()
            return self._uid

    def forget(self) -> None:
        """Read it anew when it is needed next: the next client may be another server's."""
        with self._lock:
            self._uid, self._asked_at = "", None

    def _read(self) -> str:
        try:
            return read_uid(self._api)
        except DClusterError as error:  # whoever asks the server for something else hears of it
            _LOG.info("The identity of the Kubernetes API server cannot be read: %s", error)
            return ""


def read_uid(api: KubernetesApi) -> str:
    """The uid of the server's namespace kube-system, asked once.

    :raises ApiRefused: it may not be read.
    :raises ApiUnavailable: the server does not answer.
    """
    return str(json.loads(api.text(SYSTEM_NAMESPACE, read_timeout=_READ_SECONDS))["metadata"]["uid"])

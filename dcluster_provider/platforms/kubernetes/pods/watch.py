"""The pods of a deployment in one namespace, by one LIST and one WATCH, and its warnings, for all in the process."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from dcluster_provider.core.errors import CredentialsRefused, DClusterError, PlatformUnavailable
from dcluster_provider.platforms.capabilities import OnChange
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import collection
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused, ApiUnavailable
from dcluster_provider.platforms.kubernetes.pods.pod import KubernetesEvent, Pod, read_event, read_pod

_LOG = logging.getLogger(__name__)

_WATCH_SECONDS = 540  # after which the API server ends a watch and it is begun anew
_SILENCE_SECONDS = 100.0  # bookmarks come every minute: a connection that is silent for longer is dead
_IDLE_SECONDS = 90.0  # without a question the thread ends; the next question starts it again
_STALE_SECONDS = 45.0  # what was seen longer ago than this is not told as the present
_FIRST_SECONDS = 75.0  # to wait for the first list
_MAX_PAUSE = 5.0
_MAX_ENDED = 1000
_SIGNALLED = {137, 143}  # exit codes of what was ended from outside, of which its Kubernetes Job tells more
_EXPECTED = (PlatformUnavailable, ApiRefused)  # after which the watch goes on from where it was
_FRESH_SECONDS = 5.0  # for which warnings are not listed again


class _Gone(Exception):
    """The resource version is too old to go on from; everything has to be listed again."""


class PodWatch:
    """The pods that carry a label, in one namespace.

    A thread of its own reads the watch as long as somebody asks; there is one for all waits of the process.

    :param on_change: called, in that thread, after every change, with the id of the pod's cluster.
    """

    def __init__(self, api: KubernetesApi, namespace: str, selector: str, on_change: OnChange) -> None:
        self._api = api
        self._namespace = namespace
        self._path = collection("Pod", namespace)
        self._selector = selector
        self._on_change = on_change
        self._lock = threading.Lock()
        self._by_cluster: dict[str, dict[str, Pod]] = {}
        self._ended: OrderedDict[str, Pod] = (
            OrderedDict()
        )  # by uid: those that are gone, as they were at the last
        self._listed = threading.Event()
        self._current_at = 0.0
        self._asked_at = 0.0
        self._failure: DClusterError | None = None
        self._thread: threading.Thread | None = None

    def pods_of(self, cluster_name: str) -> tuple[Pod, ...]:
        """The pods of a cluster, as they were at most moments ago.

        :raises PlatformUnavailable: the API server has not answered for a while.
        :raises ApiRefused: they may not be seen.
        """
        self.require_current()
        with self._lock:
            return tuple(self._by_cluster.get(cluster_name, {}).values())

    def ended_of(self, cluster_name: str) -> tuple[Pod, ...]:
        """The drivers and clients of a cluster that are gone, and that had ended before; only those of late."""
        with self._lock:
            return tuple(pod for pod in self._ended.values() if pod.cluster_name == cluster_name)

    def require_current(self) -> None:
        """Begin to watch, unless that is done, and wait for the first list.

        :raises PlatformUnavailable: the API server has not answered for a while.
        :raises PlatformRefused: there are no credentials to ask it with.
        :raises ApiRefused: the pods may not be seen.
        """
        self._api.connect()  # here, where somebody hears of it when that fails
        with self._lock:
            self._asked_at = time.monotonic()
            if self._thread is None or not self._thread.is_alive():
                self._listed.clear()
                self._failure = None
                self._thread = threading.Thread(
                    target=self._keep_current, name=f"dcluster-pods-{self._namespace}", daemon=True
                )
                self._thread.start()
        deadline = time.monotonic() + _FIRST_SECONDS
        while not self._listed.wait(0.25):
            is_late = time.monotonic() > deadline
            if isinstance(self._failure, (ApiRefused, CredentialsRefused)) or (self._failure and is_late):
                raise self._unavailable(self._failure)
            if not self._is_watched():  # the next question begins another watch
                raise self._unavailable(self._failure)
        if time.monotonic() - self._current_at > _STALE_SECONDS:
            raise self._unavailable(self._failure)

    def _unavailable(self, failure: DClusterError | None) -> DClusterError:
        if isinstance(failure, (CredentialsRefused, ApiRefused)):
            return failure
        why = failure or "the watch has ended"
        return PlatformUnavailable(f"the pods of namespace {self._namespace!r} cannot be watched: {why}")

    def _is_watched(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_alive()

    def _keep_current(self) -> None:
        version, failures = "", 0
        while self._is_needed():
            try:
                if not version:
                    version = self._list()
                for reached in self._watch(version):
                    version, failures = reached, 0
            except _Gone:
                version = ""
            except Exception as error:  # noqa: BLE001  # whatever it is: waits depend on this thread
                failures += 1
                if not isinstance(error, _EXPECTED):
                    version = ""
                self._break_off(error, failures)
                time.sleep(min(_MAX_PAUSE, 0.2 * 2**failures) * random.uniform(0.5, 1))  # noqa: S311

    def _is_needed(self) -> bool:
        """Whether somebody has asked lately; nobody takes this thread for one that goes on when it does not."""
        with self._lock:
            is_needed = time.monotonic() - self._asked_at < _IDLE_SECONDS
            if not is_needed and self._thread is threading.current_thread():
                self._thread = None
            return is_needed

    def _break_off(self, error: Exception, failures: int) -> None:
        self._current_at = min(self._current_at, time.monotonic())
        expected = isinstance(error, _EXPECTED)
        self._failure = error if isinstance(error, DClusterError) else DClusterError(_in_words(error))
        _LOG.log(
            logging.INFO if expected else logging.ERROR,
            "Watch of namespace %s broke off (%d): %s",
            self._namespace,
            failures,
            error,
            exc_info=None if expected else error,
        )

    def _list(self) -> str:
        items, version = self._api.list(self._path, {"labelSelector": self._selector})
        with self._lock:
            known = {uid: pod for pods in self._by_cluster.values() for uid, pod in pods.items()}
        found: dict[str, dict[str, Pod]] = {}
        for item in items:
            pod = read_pod(item)
            found.setdefault(pod.cluster_name, {})[pod.uid] = pod.after(known.get(pod.uid), _now())
        with self._lock:
            self._by_cluster = found
        self._seen()
        self._on_change(None)
        return version

    def _watch(self, version: str) -> Iterator[str]:
        """Take in changes; yields the resource version to go on from after each."""
        query = {
            "watch": "true",
            "labelSelector": self._selector,
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_SECONDS - random.randint(0, 60)),  # noqa: S311
        }
        with self._api.stream("GET", self._path, query=query, read_timeout=_SILENCE_SECONDS) as response:
            self._seen(listening=True)
            for line in _lines(response.stream(65536, decode_content=True)):
                yield self._take_in(json.loads(line))
                if time.monotonic() - self._asked_at >= _IDLE_SECONDS:
                    return
        self._seen()

    def _take_in(self, event: Mapping[str, Any]) -> str:
        kind, item = event["type"], event["object"]
        if kind == "ERROR":
            if item.get("code") == 410:
                raise _Gone
            raise ApiUnavailable(f"the watch ended with an error: {item.get('message')}")
        if kind != "BOOKMARK":
            pod = read_pod(item)
            with self._lock:
                pods = self._by_cluster.setdefault(pod.cluster_name, {})
                if kind == "DELETED":
                    pods.pop(pod.uid, None)
                    self._remember(pod)
                    if not pods:
                        self._by_cluster.pop(pod.cluster_name, None)
                else:
                    pods[pod.uid] = pod.after(pods.get(pod.uid), _now())
        self._seen(listening=True)
        if kind != "BOOKMARK":
            self._on_change(pod.cluster_id)
        return str(item["metadata"]["resourceVersion"])

    def _remember(self, pod: Pod) -> None:
        """Keep how a driver or client ended by itself that somebody deleted: nothing else tells of its exit code."""
        code = pod.engine.exit_code if pod.engine is not None else None
        if pod.role in {"driver", "client"} and code is not None and code not in _SIGNALLED:
            self._ended[pod.uid] = pod
            while len(self._ended) > _MAX_ENDED:
                self._ended.popitem(last=False)

    def _seen(self, *, listening: bool = False) -> None:
        # While a watch is open and silent, nothing has changed; its silence is bounded by the read timeout.
        self._current_at = time.monotonic() + (_SILENCE_SECONDS if listening else 0.0)
        self._failure = None
        self._listed.set()


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        yield from (line for line in whole if line)


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

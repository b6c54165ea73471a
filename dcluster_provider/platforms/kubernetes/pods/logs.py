"""The log of a pod from a position on; positions are times, the only thing that Kubernetes can go on from."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from datetime import datetime, timezone

from dcluster_provider.core.errors import CredentialsRefused, PlatformUnavailable
from dcluster_provider.platforms.base import LogPart
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.api.paths import collection
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused
from dcluster_provider.platforms.kubernetes.pods.pod import Pod
from dcluster_provider.platforms.kubernetes.pods.stamped_log import (
    NANOSECONDS,
    StampedLog,
    nanoseconds,
    second_of,
)

_MAX_OPEN, _OPEN_SECONDS = 8, 60.0  # requests that are kept for who reads on, and for how long
_DIAGNOSED_LINES, _DIAGNOSED_BYTES = 4000, 1024 * 1024  # of a log in which the cause of an end is looked for
_END_OF_TIME = "9999-12-31T23:59:59.999999999Z"
_READ_SECONDS = 10.0  # for a node to answer; the looks of other waits are late by as much

Line = tuple[int, str]  # nanoseconds since 1970, text
_Opened = tuple[Generator[bytes], StampedLog]


def read_pod_log(api: KubernetesApi, pod: Pod, start: int, most: int) -> LogPart:
    """A piece of the log of a pod's engine.

    :param start: a position in it (see :mod:`~dcluster_provider.platforms.kubernetes.pods.stamped_log`).
    :param most: bytes to read, about; one line that is longer, or many of one second, are read on with a request that
        stays open, so that none of their bytes are asked for again and again.
    :raises PlatformUnavailable: the API server or the node does not answer.
    """
    opened = _OPEN.take(api, pod, start)
    if opened is None and start >= 0:
        answer = _ask(api, pod, start, most)
        is_cut = len(answer) >= most
        log = StampedLog(iter([answer[: answer.rfind(b"\n") + 1] if is_cut else answer]), start)
        part = log.read(most)
        if part.end >= 0 and (part.text or not is_cut):
            return _with_gap(replace(part, is_cut=is_cut or part.is_cut), log, start)
    blocks, log = opened or _open(api, pod, start)
    part = log.read(most)
    _OPEN.put(api, pod, part, (blocks, log))
    return part if opened else _with_gap(part, log, start)


class _OpenLogs:
    """Requests that are read on when the next piece of a log is asked for, by the position at which they stand."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[int, str, int], tuple[float, _Opened]] = {}

    def take(self, api: KubernetesApi, pod: Pod, start: int) -> _Opened | None:
        """The request that stands at a position; it is the caller's from then on."""
        with self._lock:
            return self._known.pop((id(api), pod.uid, start), (0.0, None))[1]

    def put(self, api: KubernetesApi, pod: Pod, part: LogPart, opened: _Opened) -> None:
        """Keep a request that has more, and end those that nobody reads on."""
        now = time.monotonic()
        with self._lock:
            if not opened[1].is_over:
                self._known[id(api), pod.uid, part.end] = (now, opened)
            else:
                opened[0].close()
            for key in list(self._known)[:-_MAX_OPEN]:
                self._known.pop(key)[1][0].close()
            for key in [key for key, (at, _) in self._known.items() if now - at > _OPEN_SECONDS]:
                self._known.pop(key)[1][0].close()


_OPEN = _OpenLogs()


def _open(api: KubernetesApi, pod: Pod, start: int) -> _Opened:
    blocks = _blocks(api, pod, start)
    return blocks, StampedLog(blocks, start)


def _blocks(api: KubernetesApi, pod: Pod, start: int) -> Generator[bytes]:
    query = _query(pod, _since(start))
    try:
        with api.stream("GET", _path(pod), query=query, read_timeout=_READ_SECONDS) as response:
            yield from response.stream(65536, decode_content=True)
    except ApiRefused as refusal:
        if refusal.status not in {400, 404}:  # it has not begun to write, or is gone
            raise PlatformUnavailable(f"the log of pod {pod.name} cannot be read: {refusal}") from refusal


def whole_log(api: KubernetesApi, pod: Pod, most: int) -> Iterator[bytes]:
    """Everything that there is of the log of a pod's engine, each line with its time, in blocks.

    :param most: bytes, after which a line says that the rest is left out.
    :raises PlatformUnavailable: the API server or the node does not answer.
    """
    size, last = 0, b"\n"
    query = _query(pod, {"limitBytes": str(most)})
    try:
        with api.stream("GET", _path(pod), query=query, read_timeout=_READ_SECONDS) as response:
            for block in response.stream(65536, decode_content=True):
                size, last = size + len(block), block
                yield block
    except ApiRefused as refusal:
        if refusal.status not in {400, 404}:  # it never began to write, or is gone
            raise PlatformUnavailable(f"the log of pod {pod.name} cannot be read: {refusal}") from refusal
        if refusal.status == 404:
            yield f"{_END_OF_TIME} [The end of the log is missing: its pod {pod.name} was deleted]\n".encode()
    if not last.endswith(b"\n"):
        yield b"\n"
    if size >= most:
        yield f"{_END_OF_TIME} [The log goes on after {most} bytes, which is the most that is kept]\n".encode()


def read_end(api: KubernetesApi, pod: Pod) -> list[str]:
    """The end of the log of a pod's engine, for a diagnosis; nothing when it cannot be read."""
    return _read_end(api, pod, _of_engine(pod))


def read_stamped_end(api: KubernetesApi, pod: Pod) -> list[Line]:
    """The same with the time of each line."""
    lines = _read_end(api, pod, _query(pod, {}))
    return [found for line in lines if (found := stamped_line(line)) is not None]


def _read_end(api: KubernetesApi, pod: Pod, query: dict[str, str]) -> list[str]:
    query = {"tailLines": str(_DIAGNOSED_LINES)} | query
    try:
        text = api.tail(_path(pod), query, _DIAGNOSED_BYTES, _READ_SECONDS)
    except CredentialsRefused:
        raise
    except (ApiRefused, PlatformUnavailable):
        return []
    return text.splitlines()


def _ask(api: KubernetesApi, pod: Pod, start: int, most: int) -> bytes:
    query = _query(pod, _since(start) | {"limitBytes": str(most)})
    try:
        return api.text(_path(pod), query, _READ_SECONDS).encode()
    except ApiRefused as refusal:
        if refusal.status in {400, 404}:  # it has not begun to write, or is gone
            return b""
        raise PlatformUnavailable(f"the log of pod {pod.name} cannot be read: {refusal}") from refusal


def _since(start: int) -> dict[str, str]:
    if not start:
        return {}
    since = datetime.fromtimestamp(second_of(start), timezone.utc)
    return {"sinceTime": since.strftime("%Y-%m-%dT%H:%M:%SZ")}


def _path(pod: Pod) -> str:
    return f"{collection('Pod', pod.namespace)}/{pod.name}/log"


def _of_engine(pod: Pod) -> dict[str, str]:
    return {"container": pod.engine.name} if pod.engine else {}


def _query(pod: Pod, query: dict[str, str]) -> dict[str, str]:
    return query | {"timestamps": "true"} | _of_engine(pod)


def _with_gap(part: LogPart, log: StampedLog, start: int) -> LogPart:
    """A piece of a log, with what is missing before it.

    What is asked for begins with the second of the known line: where that is missing, so is what followed it.
    """
    if start <= 0 or not part.text or log.first_at <= start:
        return part
    told = [
        datetime.fromtimestamp(at / NANOSECONDS, timezone.utc).strftime("%H:%M:%S.%f")
        for at in (start, log.first_at)
    ]
    gap = (
        f"[Lines are missing that were written between {told[0]} and {told[1]} UTC: more was written than the node "
        "keeps of a container's log (containerLogMaxSize of its kubelet) before it was read]\n"
    )
    return replace(part, text=gap + part.text)


def stamped_line(line: str) -> Line | None:
    """A line with its time; none when it has none."""
    stamp, _, content = line.partition(" ")
    at = nanoseconds(stamp)
    return None if at is None else (at, content)

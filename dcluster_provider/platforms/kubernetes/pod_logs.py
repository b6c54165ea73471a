"""The log of a pod from a position on; positions are times, the only thing that Kubernetes can go on from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

from dcluster_provider.core.errors import CredentialsRefused, PlatformUnavailable
from dcluster_provider.platforms.base import LogPart
from dcluster_provider.platforms.kubernetes.api import KubernetesApi
from dcluster_provider.platforms.kubernetes.paths import collection
from dcluster_provider.platforms.kubernetes.pod import Pod
from dcluster_provider.platforms.kubernetes.refusals import ApiRefused

_MOST_ASKED = 64 * 1024 * 1024
_NANOSECONDS = 10**9
_DIAGNOSED_LINES, _DIAGNOSED_BYTES = 4000, 1024 * 1024  # of a log in which the cause of an end is looked for
_END_OF_TIME = "9999-12-31T23:59:59.999999999Z"
_READ_SECONDS = 10.0  # for a node to answer; the looks of other waits are late by as much

Line = tuple[int, str]  # nanoseconds since 1970, text


def read_pod_log(api: KubernetesApi, pod: Pod, start: int, most: int) -> LogPart:
    """A piece of the log of a pod's engine.

    :param start: nanoseconds since 1970 of the last line that is known; 0 means the beginning.
    :param most: bytes to read, about.
    :raises PlatformUnavailable: the API server or the node does not answer.
    """
    asked = most
    while True:
        text = _ask(api, pod, start, asked)
        is_cut = len(text.encode()) >= asked
        there = _stamped(text, is_cut=is_cut)
        lines = [line for line in there if line[0] > start]
        if lines or not is_cut or asked >= _MOST_ASKED:
            break
        asked *= 4  # more than this was written within the second that the known line is of
    end = lines[-1][0] if lines else start
    # What is asked for begins with the second of the known line: where that is missing, so is what followed it.
    gap = _gap(start, lines[0][0]) if start and lines and there[0][0] > start else ""
    return LogPart(gap + "".join(f"{line}\n" for _, line in lines), end, is_cut)


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


def _ask(api: KubernetesApi, pod: Pod, start: int, most: int) -> str:
    query = {"limitBytes": str(most)}
    if start:
        since = datetime.fromtimestamp(start // _NANOSECONDS, timezone.utc)
        query["sinceTime"] = since.strftime("%Y-%m-%dT%H:%M:%SZ")
    return _request(api, pod, query)


def _request(api: KubernetesApi, pod: Pod, query: dict[str, str]) -> str:
    try:
        return api.text(_path(pod), _query(pod, query), _READ_SECONDS)
    except ApiRefused as refusal:
        if refusal.status in {400, 404}:  # it has not begun to write, or is gone
            return ""
        raise PlatformUnavailable(f"the log of pod {pod.name} cannot be read: {refusal}") from refusal


def _path(pod: Pod) -> str:
    return f"{collection('Pod', pod.namespace)}/{pod.name}/log"


def _of_engine(pod: Pod) -> dict[str, str]:
    return {"container": pod.engine.name} if pod.engine else {}


def _query(pod: Pod, query: dict[str, str]) -> dict[str, str]:
    return query | {"timestamps": "true"} | _of_engine(pod)


def _gap(start: int, end: int) -> str:
    told = [
        datetime.fromtimestamp(at / _NANOSECONDS, timezone.utc).strftime("%H:%M:%S.%f") for at in (start, end)
    ]
    return (
        f"[Lines are missing that were written between {told[0]} and {told[1]} UTC: more was written than the node "
        "keeps of a container's log (containerLogMaxSize of its kubelet) before it was read]\n"
    )


def _stamped(text: str, *, is_cut: bool) -> list[Line]:
    """The lines of a log with their times; a last one that was cut off is left for the next time."""
    lines = text.split("\n")
    if is_cut or not lines[-1]:
        lines.pop()
    return [found for line in lines if (found := stamped_line(line)) is not None]


def stamped_line(line: str) -> Line | None:
    """A line with its time; none when it has none."""
    stamp, _, content = line.partition(" ")
    at = _nanoseconds(stamp)
    return None if at is None else (at, content)


def _nanoseconds(stamp: str) -> int | None:
    """The nanoseconds since 1970 of a time such as ``2026-01-31T10:00:00.123456789Z``."""
    whole, _, fraction = stamp.removesuffix("Z").partition(".")
    try:
        seconds = datetime.fromisoformat(whole).replace(tzinfo=timezone.utc).timestamp()
        return int(seconds) * _NANOSECONDS + int(fraction.ljust(9, "0")[:9] or 0)
    except ValueError:
        return None

"""An API server in memory, over HTTP: what is asked of it is what a real one is asked by the live tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hanging import HANG_SECONDS
from kubernetes.client import ApiClient, Configuration

from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi

Answer = tuple[int, dict[str, Any]]
_NOT_FOUND: Answer = (404, {"kind": "Status", "reason": "NotFound"})


class Server:
    """An API server of two namespaces, data and other, without pods; refuses what a test says.

    :ivar configmaps: that there are, by path.
    """

    def __init__(self) -> None:
        self.refused: dict[str, Answer] = {}
        self.configmaps: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.missing: dict[str, Answer] = {}  # what making an object answers, by kind, when there is none
        self.logs: dict[str, str] = {}  # by the name of the pod: lines, each with its time
        self.watched: list[dict[str, Any]] = []  # events that each watch of pods tells
        self.changed: dict[str, dict[str, Any]] = {}  # what objects were merged with, by path
        self.ends = threading.Event()

    def add(self, manifest: dict[str, Any]) -> None:
        """Have a ConfigMap."""
        metadata = manifest["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/configmaps/{metadata['name']}"
        self.configmaps[path] = manifest | {"metadata": {"uid": f"uid of {path}"} | metadata}

    def answer(self, method: str, path: str, query: dict[str, list[str]]) -> Answer:
        """The status and body of an answer to a request."""
        self.asked.append(path)
        refused = [answer for part, answer in self.refused.items() if part in path]
        if refused:
            return refused[0]
        if method == "POST":
            return self.missing.get(
                path.rpartition("/")[2], (409, {"kind": "Status", "reason": "AlreadyExists"})
            )
        if method == "DELETE":
            return (200, {}) if self.configmaps.pop(path, None) else _NOT_FOUND
        if path.endswith(("/pods", "/configmaps", "/events")):
            there = [each for name, each in self.configmaps.items() if name.startswith(f"{path}/")]
            return _list([each for each in there if _selected(each, query.get("labelSelector", [""])[0])])
        found = {"/readyz": {}, **self.objects, **self.configmaps}.get(path)
        return _NOT_FOUND if found is None else (200, found)


def _log(text: str, query: dict[str, list[str]]) -> str:
    """What a kubelet answers of a log: from a second on, at most so many bytes."""
    since = query.get("sinceTime", [""])[0].removesuffix("Z")
    lines = [line for line in text.splitlines(keepends=True) if line[: len(since)] >= since]
    return "".join(lines)[: int(query.get("limitBytes", ["1000000000"])[0])]


def _list(items: list[dict[str, Any]]) -> Answer:
    return 200, {"kind": "List", "metadata": {"resourceVersion": "1"}, "items": items}


def _selected(item: dict[str, Any], selector: str) -> bool:
    labels = item["metadata"]["labels"]
    wanted = [part.partition("=") for part in selector.split(",") if part]
    return all(labels.get(name) == value if sign else name in labels for name, sign, value in wanted)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def api(server: Server) -> Iterator[KubernetesApi]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked, query = urlsplit(self.path), parse_qs(urlsplit(self.path).query)
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = server.answer(self.command, asked.path, query)
            content = json.dumps(body).encode()
            if asked.path.endswith("/log"):
                found = server.logs.get(asked.path.split("/")[-2])
                status, content = (404, b"{}") if found is None else (200, _log(found, query).encode())
            watches = "watch" in query
            self.send_response(status)
            if watches:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if watches:
                for each in server.watched:
                    line = json.dumps(each).encode() + b"\n"
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
                server.ends.wait(HANG_SECONDS)
                self.wfile.write(b"0\r\n\r\n")
            else:
                self.wfile.write(content)

        def do_PATCH(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            server.changed[urlsplit(self.path).path] = json.loads(self.rfile.read(length))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def do_POST(self) -> None:
            self.do_GET()

        def do_DELETE(self) -> None:
            self.do_GET()

        def log_message(self, *_args: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    configuration = Configuration()
    configuration.host = f"http://127.0.0.1:{listener.server_port}"
    configuration.retries = False
    yield KubernetesApi(lambda: ApiClient(configuration))
    server.ends.set()
    listener.shutdown()
    listener.server_close()

"""What an API server that has just started answers, and what is made of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from kubernetes.client import ApiClient, Configuration

from dcluster_provider.platforms.kubernetes.api import client as api_module
from dcluster_provider.platforms.kubernetes.api.client import KubernetesApi
from dcluster_provider.platforms.kubernetes.api.refusals import ApiRefused

PATH = "/api/v1/namespaces/team/configmaps/x"
FORBIDDEN = {"kind": "Status", "reason": "Forbidden", "message": "may not get configmaps"}
FOUND = {"kind": "ConfigMap"}


class Script:
    """An API server that gives each path its answers one after the other, the last one for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, dict | bytes]]] = {}
        self.asked: list[str] = []

    def answer(self, path: str) -> tuple[int, dict | bytes]:
        self.asked.append(path)
        left = self.answers[path]
        return left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def api(script: Script) -> Iterator[KubernetesApi]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = script.answer(self.path)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    configuration = Configuration()
    configuration.host = f"http://127.0.0.1:{server.server_port}"
    yield KubernetesApi(lambda: ApiClient(configuration))
    server.shutdown()
    server.server_close()


def test_a_server_that_has_not_read_its_roles_yet_is_asked_again(api, script):
    not_ready = {"kind": "Status", "message": "informer-sync failed"}
    script.answers = {PATH: [(403, FORBIDDEN)] * 2 + [(200, FOUND)], "/readyz": [(500, not_ready), (200, {})]}
    assert api.get(PATH) == FOUND
    assert script.asked == [PATH, "/readyz", PATH, "/readyz", PATH]


def test_a_server_that_became_ready_in_between_is_asked_once_more(api, script):
    script.answers = {PATH: [(403, FORBIDDEN), (200, FOUND)], "/readyz": [(200, {})]}
    assert api.get(PATH) == FOUND


def test_what_is_forbidden_by_a_ready_server_is_refused(api, script):
    script.answers = {PATH: [(403, FORBIDDEN)], "/readyz": [(200, {})]}
    with pytest.raises(ApiRefused, match="may not get configmaps"):
        api.get(PATH)
    assert script.asked == [PATH, "/readyz", PATH]


def test_a_server_that_never_tells_whether_it_is_ready_is_believed_after_a_while(api, script, monkeypatch):
    monkeypatch.setattr(api_module, "_ROLES_SECONDS", 1.0)
    script.answers = {PATH: [(403, FORBIDDEN)], "/readyz": [(403, FORBIDDEN)]}
    with pytest.raises(ApiRefused, match="may not get configmaps"):
        api.get(PATH)
    assert script.asked.count("/readyz") > 1
    before = len(script.asked)
    with pytest.raises(ApiRefused):
        api.get(PATH)
    assert len(script.asked) == before + 3


def test_roles_that_are_read_in_that_while_are_used(api, script):
    script.answers = {PATH: [(403, FORBIDDEN), (403, FORBIDDEN), (200, FOUND)], "/readyz": [(403, FORBIDDEN)]}
    assert api.get(PATH) == FOUND


def test_the_end_of_a_log_without_newlines_is_read_in_bounded_memory(api, script):
    script.answers = {f"{PATH}?tailLines=9": [(200, b"x" * 3_000_000 + b"the end\xff")]}
    tail = api.tail(PATH, {"tailLines": "9"}, 1000, 10.0)
    assert (len(tail), tail[-8:]) == (1000, "the end\N{REPLACEMENT CHARACTER}")

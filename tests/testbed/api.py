"""The API server over plain HTTPS: the few calls that the testbed itself makes, with the standard library alone."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any


class Refused(RuntimeError):
    """The API server answered with an error.

    :param status: the HTTP status.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """An API server as one user.

    :param kubeconfig: a testbed's, which is JSON.
    """

    def __init__(self, kubeconfig: Path) -> None:
        content = json.loads(kubeconfig.read_text())
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        self.server: str = cluster["server"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._trust = ssl.create_default_context(cadata=authority)
        self._headers = {"Authorization": f"Bearer {user['token']}", "Content-Type": "application/json"}

    def call(self, verb: str, path: str, body: dict[str, Any] | None = None, kind: str | None = None) -> Any:
        """One request.

        :param body: a JSON object.
        :param kind: the body's media type, if it is not plain JSON.
        :raises Refused: it was answered with an error.
        :raises OSError: it was not answered.
        """
        with self._open(verb, path, body, kind, 30) as answer:
            text = answer.read()
        return json.loads(text) if text.startswith(b"{") else text.decode()

    def watch(self, path: str, seconds: int) -> Iterator[dict[str, Any]]:
        """The objects there are and what happens to them, as watch events, until the time is over."""
        query = f"{path}?watch=1&timeoutSeconds={seconds}"
        with self._open("GET", query, None, None, seconds + 10) as answer:
            for line in answer:
                yield json.loads(line)

    def _open(
        self, verb: str, path: str, body: dict[str, Any] | None, kind: str | None, seconds: int
    ) -> IO[bytes]:
        headers = self._headers | ({"Content-Type": kind} if kind else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server + path, data, headers, method=verb)
        try:
            answer: IO[bytes] = urllib.request.urlopen(request, timeout=seconds, context=self._trust)
        except urllib.error.HTTPError as error:
            raise Refused(error.code, f"{verb} {path}: {error.read().decode()[:500]}") from error
        return answer

"""Short HTTP conversations with an engine of this machine."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

from dcluster_provider.platforms.local.ports import HOST

TIMEOUT = 3.0  # seconds


class NoAnswer(Exception):
    """Nothing answers at the port, or not in time, or not with what was asked for."""


class Refused(Exception):
    """The engine answered with an error.

    :param status: of HTTP.
    :param text: what it said.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text


def request(
    port: int,
    method: str,
    path: str,
    *,
    body: bytes | Iterator[bytes] | None = None,
    headers: dict[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> Any:
    """Ask an engine and read its JSON answer.

    :raises NoAnswer: it could not be asked.
    :raises Refused: it answered with an error.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"{method} http://{HOST}:{port}{path}: {error!r}") from error
    finally:
        connection.close()
    if response.status >= 400:
        raise Refused(response.status, content.decode(errors="replace"))
    try:
        return json.loads(content) if content else None
    except ValueError as error:
        raise NoAnswer(f"{method} http://{HOST}:{port}{path}: the answer is not JSON") from error

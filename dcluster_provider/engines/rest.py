"""Short HTTP conversations with an engine, by whatever way it is reached."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

TIMEOUT = 3.0  # seconds


class NoAnswer(Exception):
    """The engine does not answer, or not in time, or not with what was asked for."""


class ErrorResponse(Exception):
    """The engine answered with an error.

    :param status: of HTTP.
    :param text: what it said.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text


class EngineRest(Protocol):
    """The HTTP interface of one Spark master or JobManager."""

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | Iterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> Any:
        """Ask, and read the JSON answer.

        :param timeout: seconds.
        :raises NoAnswer: the engine could not be asked.
        :raises ErrorResponse: it answered with an error.
        """

    def text(self, path: str) -> str:
        """Get what is no JSON, such as a log.

        :raises NoAnswer: the engine could not be asked.
        :raises ErrorResponse: it answered with an error.
        """


@dataclass(frozen=True)
class HttpRest:
    """An engine's HTTP interface that is reached directly."""

    host: str
    port: int

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | Iterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> Any:
        """See :class:`EngineRest`."""
        content = self._content(method, path, body, headers or {}, timeout)
        return read_answer(content, self._asked(method, path))

    def text(self, path: str) -> str:
        """See :class:`EngineRest`."""
        return self._content("GET", path, None, {}, TIMEOUT).decode(errors="replace")

    def _asked(self, method: str, path: str) -> str:
        return f"{method} http://{self.host}:{self.port}{path}"

    def _content(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None,
        headers: dict[str, str],
        timeout: float,
    ) -> bytes:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"{self._asked(method, path)}: {error!r}") from error
        finally:
            connection.close()
        if response.status >= 400:
            raise ErrorResponse(response.status, content.decode(errors="replace"))
        return content


def read_answer(content: bytes, asked: str) -> Any:
    """The JSON of an answer; none when there is no content.

    :param asked: the request, for the message.
    :raises NoAnswer: it is not JSON.
    """
    try:
        return json.loads(content) if content else None
    except ValueError as error:
        raise NoAnswer(f"{asked}: the answer is not JSON") from error

"""Short HTTP conversations with an engine, by whatever way it is reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

TIMEOUT = 3.0  # seconds


class NoAnswer(Exception):
    """The engine does not answer, or not in time, or not with what was asked for."""


class Refused(Exception):
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
        :raises Refused: it answered with an error.
        """

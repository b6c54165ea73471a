"""Short HTTP conversations with an engine of this machine."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dcluster_provider.engines.rest import TIMEOUT, NoAnswer, Refused
from dcluster_provider.platforms.local.ports import HOST


@dataclass(frozen=True)
class LoopbackRest:
    """The HTTP interface of an engine at a port of this machine."""

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
        """See :class:`~dcluster_provider.engines.rest.EngineRest`."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"{method} http://{HOST}:{self.port}{path}: {error!r}") from error
        finally:
            connection.close()
        if response.status >= 400:
            raise Refused(response.status, content.decode(errors="replace"))
        try:
            return json.loads(content) if content else None
        except ValueError as error:
            raise NoAnswer(f"{method} http://{HOST}:{self.port}{path}: the answer is not JSON") from error

"""Paths and queries as the API's routes need them.

Names with a slash, HEAD, the service without its trailing slash, and no parameter that a call does not have.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from dcluster_provider.core.errors import InvalidSpec, nearest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from fastapi import Request

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

IS_HEAD = "dcluster.is_head"
_SLASH = "\ue000"  # of the private use area: no name contains it
_ENCODED_SLASH = re.compile("%2f", re.IGNORECASE)


def with_slashes(name: str) -> str:
    """A name from a path, with its encoded slashes."""
    return name.replace(_SLASH, "/")


def as_asked(path: str) -> str:
    """A path as the caller sent it, for an error."""
    return path.replace(_SLASH, "%2F")


class NamesAndHead:
    """Keeps an encoded slash within a name, and answers HEAD as GET without the body."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its path and method as the routes expect them."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = (scope.get("raw_path") or b"").decode("latin-1")
        if _ENCODED_SLASH.search(path):
            scope = {**scope, "path": unquote(_ENCODED_SLASH.sub(_SLASH, path))}
        if scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: MutableMapping[str, Any]) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET", IS_HEAD: True}, receive, send_head)


class ServiceWithoutSlash:
    """Redirects ``/dcluster`` to ``/dcluster/``, which Airflow's own page for unknown paths would answer otherwise."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect that path, and pass on all others."""
        path = (
            scope.get("path", "").removeprefix(scope.get("root_path", "")) if scope["type"] == "http" else ""
        )
        if path != "/dcluster":
            await self._app(scope, receive, send)
            return
        # Relative, so that it works behind any proxy.
        await send({"type": "http.response.start", "status": 307, "headers": [(b"location", b"dcluster/")]})
        await send({"type": "http.response.body", "body": b""})


def reject_unknown_parameters(request: Request) -> None:
    """Reject query parameters that a call does not have, since a misspelt one must not be ignored.

    :raises InvalidSpec: a parameter is unknown; the error names the nearest one.
    """
    known = _query_names(request.scope["route"].dependant)
    for name in request.query_params:
        if name not in known:
            hint = nearest(name, known) or f"; this call has {', '.join(sorted(known)) or 'none'}"
            raise InvalidSpec(f"query parameter {name}: is unknown{hint}")


def _query_names(dependant: Any) -> set[str]:
    names = {str(param.alias) for param in dependant.query_params}
    return names.union(*(_query_names(each) for each in dependant.dependencies))

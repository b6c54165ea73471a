"""Errors of the API in one form: what happened, when, and at which path."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from dcluster_provider.core.errors import (
    ClusterFailed,
    ClusterInUse,
    ClusterNotRunning,
    ClusterTerminating,
    DClusterError,
    DuplicateJob,
    InvalidSpec,
    NotFound,
    SavepointFailed,
)
from dcluster_provider.core.redaction import redaction
from dcluster_provider.plugin.rest.paths import as_asked

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

_BAD_REQUEST = (
    InvalidSpec,
    DuplicateJob,
    ClusterFailed,
    ClusterTerminating,
    ClusterInUse,
    ClusterNotRunning,
    SavepointFailed,
)


class ErrorBody(BaseModel):
    """The body of every error response."""

    error: str = Field(description="What happened, to what, and what to do.")
    timestamp: datetime = Field(description="When, in UTC.")
    path: str = Field(description="The requested path.")


class RequestsUnavailable(DClusterError):
    """Airflow cannot carry out requests now: the bundled DAG for them is missing or paused."""


RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorBody, "description": "A field, parameter or header is invalid; the error names it."},
    401: {"model": ErrorBody, "description": "No valid token came with the request."},
    403: {"model": ErrorBody, "description": "The user does not have the right that the call needs."},
    404: {"model": ErrorBody, "description": "There is no such cluster, job, connection or path."},
    500: {"model": ErrorBody, "description": "The server failed; its log has the details."},
}


def add_handlers(app: FastAPI) -> None:
    """Answer every error of an app with an ErrorBody."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(DClusterError, _known)
    app.add_exception_handler(Exception, _unknown)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    message = error.detail
    if error.status_code == 404 and message == "Not Found":
        message = "There is nothing at this path; see /dcluster/docs for the calls that there are"
    if error.status_code == 405 and message == "Method Not Allowed":
        message = f"{request.method} is not allowed at this path; allowed: {headers.get('allow', headers.get('Allow'))}"
    return _answer(request, error.status_code, message, headers)


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return _answer(request, 400, "; ".join(_complaint(each) for each in error.errors()))


def _known(request: Request, error: Exception) -> JSONResponse:
    status = 404 if isinstance(error, NotFound) else 400 if isinstance(error, _BAD_REQUEST) else 500
    return _answer(request, status, error.for_api if isinstance(error, DuplicateJob) else str(error))


def _unknown(request: Request, error: Exception) -> JSONResponse:
    # The server's log has the traceback; Starlette raises the error again for it.
    return _answer(
        request, 500, f"The server failed with {type(error).__name__}; the API server's log has the details"
    )


def _answer(
    request: Request, status: int, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {
        "error": printable(redaction().text(message)),
        "timestamp": now,
        "path": printable(as_asked(request.scope["path"])),
    }
    return JSONResponse(body, status_code=status, headers=headers)


def printable(text: str) -> str:
    """Text without characters that UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode()


def _complaint(item: Mapping[str, Any]) -> str:
    place, *rest = item["loc"]
    kind = {"path": "path parameter", "query": "query parameter", "header": "header"}.get(str(place), "field")
    given = repr(item.get("input"))
    shown = given if len(given) <= 80 else f"{given[:80]}..."
    return f"{kind} {'.'.join(map(str, rest))}: {item['msg']} (given: {shown})"

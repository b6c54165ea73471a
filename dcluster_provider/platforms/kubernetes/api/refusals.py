"""What a Kubernetes API server means by an answer that is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dcluster_provider.core.errors import CredentialsRefused, DClusterError, PlatformUnavailable

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

_PASSING = {429, 500, 502, 503, 504}
# What an API server answers, with 500, to an applied object that has a field or value it will never understand.
_MALFORMED = ("failed to create typed patch object", "failed to convert new object")
# What it answers, with 500, to the eviction of a pod that several PodDisruptionBudgets keep.
_SEVERAL_BUDGETS = "This pod has more than one PodDisruptionBudget"
_ANONYMOUS = 'User "system:anonymous"'


class ApiRefused(DClusterError):
    """The API server refused a request.

    :param status: of HTTP: 403 forbidden, 404 not there, 409 conflict, 422 invalid.
    :param reason: Kubernetes' word for it, ``AlreadyExists`` for instance.
    :param message: what the API server said.
    :param causes: for an invalid object, field and message of each mistake.
    """

    def __init__(
        self, status: int, reason: str, message: str, causes: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = causes


class ApiUnavailable(PlatformUnavailable):
    """The API server does not answer, or asks to be left alone, for the moment."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def refusal_of(response: BaseHTTPResponse) -> Exception:
    """What an answer of 400 or more means.

    :returns: ``ApiUnavailable`` when the same request may be answered soon, ``CredentialsRefused`` when the server does
        not know who asks, otherwise ``ApiRefused``.
    """
    text = bytes(response.read()).decode(errors="replace")
    try:
        status = json.loads(text)
        is_status = status.get("kind") == "Status"
    except (ValueError, AttributeError):
        status, is_status = {}, False
    if str(status.get("message")).startswith(_MALFORMED):
        return ApiRefused(422, "Invalid", status["message"])
    if _is_budget(status):
        return _refused(response, status, text)
    if response.status in _PASSING and (is_status or response.status != 500):
        return ApiUnavailable(
            f"the Kubernetes API server answered {response.status}: {status.get('message') or text[:300]}",
            float(response.headers.get("Retry-After") or 0),
        )
    if response.status == 401 or _is_anonymous(response, status):
        return CredentialsRefused(
            f"the Kubernetes API server refused the credentials: {status.get('message') or text[:300]}"
        )
    return _refused(response, status, text)


def _refused(response: BaseHTTPResponse, status: dict[str, Any], text: str) -> ApiRefused:
    details = status.get("details") or {}
    causes = tuple(
        (str(cause.get("field", "")), str(cause.get("message", ""))) for cause in details.get("causes") or ()
    )
    return ApiRefused(
        response.status,
        str(status.get("reason") or response.reason),
        str(status.get("message") or text[:100_000]),
        causes,
    )


def _is_anonymous(response: BaseHTTPResponse, status: dict[str, Any]) -> bool:
    """Whether no credentials came with the request: a plug-in that fails to give any leaves the client without."""
    return response.status == 403 and _ANONYMOUS in str(status.get("message"))


def _is_budget(status: dict[str, Any]) -> bool:
    """Whether a PodDisruptionBudget forbids an eviction, which is no word about how busy the API server is."""
    causes = (status.get("details") or {}).get("causes") or ()
    several = str(status.get("message")).startswith(_SEVERAL_BUDGETS)
    return several or any(cause.get("reason") == "DisruptionBudget" for cause in causes)
